"""A card with PKCS#15 files that nobody knows works with a profile of a dozen lines; a hostile one does no harm."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardcore.card import Card
from cardcore.channel import Channel
from cardcore.directory.pkcs15 import der, encoding
from cardcore.errors import CardError, InputError, NotFound, NotSupported, ReplyError
from cardcore.profile import catalog
from cardcore.profile.model import Profile
from cardcore.tlv import encode
from cardcore.transport.soft import SoftTransport
from tests.unit.directory.filecard import AID, KEY_REFERENCE, PIN, FileCard
from tests.unit.personalise.authority import authority

PROFILE = f"""
profile: 1
name: Unknown card
base: pkcs15
verified: Invented for a test.
match: {{aid: "{AID.hex()}"}}
pins:
  user: {{ref: 0x82, length: [4, 8], pad: {{byte: 0xFF, to: 8}}}}
keys:
  range: {{first: 0x90, last: 0x9F}}
algorithms:
  rsa: {{types: [rsa2048], byte: 0x02, sign: digest-info}}
"""
KEY = rsa.generate_private_key(65537, 2048)
KEY_ID = bytes.fromhex("4A5B6C7D8E9F00112233445566778899AABBCCDD")
NAME = KEY_ID.hex()
APPLICATION = "7F01"


@cache
def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Unknown")])
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), 7, datetime(2026, 1, 1), datetime(2036, 1, 1))
    return builder.sign(KEY, SHA256()).public_bytes(Encoding.DER)


def relative(fid: str, *more: bytes) -> bytes:
    return der.sequence(der.octets(bytes.fromhex(fid)), *more)


def typed(*parts: bytes) -> bytes:
    return der.sequence(der.sequence(*parts), tag=0xA1)


def private_key(consent: int = 0) -> bytes:
    asks = der.integer(consent) if consent else b""
    return der.sequence(
        der.sequence(der.text("Signature"), der.bits((0,)), der.octets(b"\x01"), asks),
        der.sequence(der.octets(KEY_ID), der.bits((2, 9)), der.bits((0, 4)), der.integer(KEY_REFERENCE)),
        typed(relative("0F01"), der.integer(2048)),
    )


def files() -> dict[str, bytes]:
    """Everything where the standard allows it and few cards have it: other paths, a part of a file, a value inside."""
    cert = certificate()
    public = encoding.public_value(KEY.public_key())
    holder = der.sequence(
        der.sequence(der.text("Certificate")),
        der.sequence(der.octets(KEY_ID)),
        typed(relative("0F02", der.integer(10), encode(0x80, len(cert).to_bytes(2)))),
    )
    public_key = der.sequence(
        der.sequence(der.text("Signature")),
        der.sequence(der.octets(KEY_ID), der.bits((6,))),
        typed(encode(0xA0, public), der.integer(2048)),
    )
    note = der.sequence(der.sequence(der.text("Note")), der.sequence(der.text("Test")), encode(0xA1, relative("0F03")))
    lists = (
        encode(0xA0, relative("0E00")),
        encode(0xA1, encode(0xA0, public_key)),
        encode(0xA4, relative("0E01")),
        encode(0xA7, relative("0E02")),
        encode(0xA4, relative("0EFF")),
    )
    token = der.sequence(der.integer(1), der.octets(b"\x12\x34\x56"), der.bits((1,)))
    application = encode(0x61, encode(0x4F, encoding.AID) + encode(0x51, bytes.fromhex("3F00" + APPLICATION)))
    return {
        "2F00": encode(0x61, encode(0x4F, AID)) + application,
        APPLICATION + "5031": b"".join(lists) + bytes(300),
        APPLICATION + "5032": token,
        APPLICATION + "0E00": private_key() + b"\xff" * 100,
        APPLICATION + "0E01": holder,
        APPLICATION + "0E02": note,
        APPLICATION + "0F02": b"\xee" * 10 + cert + b"\xee" * 10,
        APPLICATION + "0F03": der.octets(b"remember the milk"),
    }


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    path = tmp_path_factory.mktemp("profiles") / "unknown.yaml"
    path.write_text(PROFILE, encoding="utf-8")
    return catalog.load(path)


def opened(card: FileCard, profile: Profile) -> Card:
    return Card(profile, Channel(SoftTransport(card, "unknown")), aid=AID)


def test_the_profile_has_a_dozen_lines() -> None:
    assert len(PROFILE.strip().splitlines()) <= 12


def test_a_card_that_nobody_knows_works(profile: Profile) -> None:
    card = opened(FileCard(files=files(), key=KEY), profile)
    (info,) = card.keys()
    assert (info.slot.name, info.slot.ref, info.slot.label) == (NAME, KEY_REFERENCE, "Signature")
    assert info.type is not None
    assert (info.type.name, info.origin) == ("rsa2048", "generated")
    assert card.public_key(NAME) == KEY.public_key()
    found = card.certificate(NAME)
    assert found is not None
    assert found.public_bytes(Encoding.DER) == certificate()
    assert list(card.certificates()) == [NAME]
    assert card.serial() == "123456"
    assert card.read("Note") == der.octets(b"remember the milk")
    signature = card.sign(NAME.upper(), b"message", pin=PIN)
    KEY.public_key().verify(signature, b"message", PKCS1v15(), SHA256())


def other_entry(identifier: bytes, value: bytes) -> bytes:
    return der.sequence(der.sequence(der.text("CA")), der.sequence(der.octets(identifier)), typed(value))


@cache
def others() -> tuple[bytes, ...]:
    """Certificates of three authorities."""
    return tuple(authority(f"Authority {number}").certificate.public_bytes(Encoding.DER) for number in range(3))


def with_others(*entries: tuple[int, bytes]) -> dict[str, bytes]:
    """The card's files, and in EF.ODF itself more lists: the tag of each, and its entries."""
    found = files()
    odf = APPLICATION + "5031"
    found[odf] = found[odf].rstrip(b"\x00") + b"".join(encode(tag, encode(0xA0, item)) for tag, item in entries)
    return found


def test_certificates_that_belong_to_no_key(profile: Profile) -> None:
    first, second, third = others()
    found = with_others(
        (0xA4, other_entry(b"\xb1", relative("0F10"))),  # the usual list, a file
        (0xA5, other_entry(KEY_ID, encode(0xA0, second[4:]))),  # the key's own, in the list of those that are trusted
        (0xA5, other_entry(b"\x02", relative("0F11"))),
        (0xA6, other_entry(b"\x03", relative("0F10")) + other_entry(b"\x04", relative("0F12"))),  # useful; one is twice
        (0xA6, other_entry(b"\x05", relative("0FFF"))),  # its file is not there
        (0xA6, b"\xa1\x02\x30\x00"),  # no X.509 certificate
    )
    for fid, content in (("0F10", first), ("0F11", second), ("0F12", third)):
        found[APPLICATION + fid] = content
    card = opened(FileCard(files=found, key=KEY), profile)
    assert [one.public_bytes(Encoding.DER) for one in card.other_certificates()] == [first, second, third]
    assert list(card.certificates()) == [NAME]
    assert opened(FileCard(files=files(), key=KEY), profile).other_certificates() == []
    assert opened(FileCard(files={}, key=KEY), profile).other_certificates() == []


@pytest.mark.parametrize(
    ("count", "content", "message"),
    [(33, b"", "more than 32"), (1, encode(0x30, bytes(0x10000)), "a value of"), (1, b"\x30\x00", "malformed")],
)
def test_hostile_certificates_that_belong_to_no_key(profile: Profile, count: int, content: bytes, message: str) -> None:
    items = b"".join(other_entry(bytes((number,)), relative("0F10")) for number in range(count))
    found = with_others((0xA6, items)) | {APPLICATION + "0F10": content or others()[0]}
    with pytest.raises(ReplyError, match=message):
        opened(FileCard(files=found, key=KEY), profile).other_certificates()


def test_a_warm_signature_reads_nothing(profile: Profile) -> None:
    played = FileCard(files=files(), key=KEY)
    card = opened(played, profile)
    card.sign(NAME, b"message", pin=PIN)
    played.log.clear()
    card.sign(NAME, b"another message")
    assert [command[1] for command in played.log] == [0x22, 0x2A]


def test_the_entry_says_what_a_key_is_for(profile: Profile) -> None:
    card = opened(FileCard(files=files(), key=KEY), profile)
    with pytest.raises(NotSupported):
        card.decipher(NAME, bytes(256), pin=PIN, key_type="rsa2048")


def test_a_key_that_wants_the_pin_each_time_says_so(profile: Profile) -> None:
    played = FileCard(files={**files(), APPLICATION + "0E00": private_key(consent=1)}, key=KEY)
    card = opened(played, profile)
    card.sign(NAME, b"message", pin=PIN)
    with pytest.raises(InputError):
        card.sign(NAME, b"message")


def test_keys_that_are_not_there_are_not_found(profile: Profile) -> None:
    card = opened(FileCard(files=files(), key=KEY), profile)
    with pytest.raises(NotFound):
        card.sign("5", b"message", pin=PIN, key_type="rsa2048")
    with pytest.raises(InputError):
        card.sign("beef", b"message", pin=PIN)
    assert card.certificate("5") is None
    with pytest.raises(NotFound):
        card.read("Other")


def test_a_card_without_the_structure_holds_nothing(profile: Profile) -> None:
    card = opened(FileCard(files={}, key=KEY), profile)
    assert card.keys() == []
    assert card.certificates() == {}
    assert card.serial() == ""
    with pytest.raises(NotSupported):
        card.initialise()


def test_this_card_cannot_be_changed(profile: Profile) -> None:
    card = opened(FileCard(files=files(), key=KEY), profile)
    with pytest.raises(CardError):
        card.write_certificate(NAME, x509.load_der_x509_certificate(certificate()))
    with pytest.raises(InputError):
        card.initialise()


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513])
def test_files_of_every_size_are_read(profile: Profile, size: int) -> None:
    content = encode(0x30, bytes(size - 4 if size > 258 else size - 3 - (size > 130) * (size > 258)))
    played = FileCard(files={**files(), APPLICATION + "0F04": content}, key=KEY)
    assert opened(played, profile).read(APPLICATION + "0F04") == content


HOSTILE: dict[str, bytes] = {
    "a list without end": private_key() * 600,
    "an entry longer than the file": bytes.fromhex("3082FFFF") + bytes(100),
    "an indefinite length": bytes.fromhex("3080") + bytes(10),
    "a huge length": bytes.fromhex("3084FFFFFFFF") + bytes(100),
    "a tag without end": b"\x3f" + b"\x81" * 100,
    "a path to itself": encode(0xA0, relative("5031")),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("file", ["5031", "0E00", "0E01"])
def test_a_hostile_card_is_refused(profile: Profile, file: str, content: bytes) -> None:
    card = opened(FileCard(files={**files(), APPLICATION + file: content}, key=KEY), profile)
    for action in actions(card):
        with suppress(ReplyError, NotFound):
            action()


def actions(card: Card) -> tuple[Callable[[], object], ...]:
    return (
        card.keys,
        card.certificates,
        card.serial,
        lambda: card.public_key(NAME),
        lambda: card.certificate(NAME),
        lambda: card.read("Note"),
    )


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # odd serial numbers
@settings(max_examples=150, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_are_a_reply_error_at_worst(profile: Profile, data: st.DataObject) -> None:
    damaged = files()
    name = data.draw(st.sampled_from(sorted(damaged)))
    content = bytearray(damaged[name])
    for place in data.draw(st.lists(st.integers(0, min(len(content), 120) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    damaged[name] = bytes(content)
    card = opened(FileCard(files=damaged, key=KEY), profile)
    for action in actions(card):
        with suppress(ReplyError, NotFound, NotSupported, InputError):
            action()


@settings(max_examples=100, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_random_files_are_a_reply_error_at_worst(profile: Profile, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(files())))
    damaged = {**files(), name: data.draw(st.binary(max_size=300))}
    card = opened(FileCard(files=damaged, key=KEY), profile)
    for action in actions(card):
        with suppress(ReplyError, NotFound, InputError):
            action()
