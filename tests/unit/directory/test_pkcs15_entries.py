"""PKCS#15 entries: those that others wrote are understood, ours come back, and nonsense is a ReplyError."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from cardcore.directory.pkcs15 import der, encoding, entries
from cardcore.directory.pkcs15.directory import id_of, name_of
from cardcore.directory.pkcs15.entries import Location
from cardcore.errors import ReplyError
from cardcore.keytypes import KEY_TYPES, Kind
from cardcore.pin import PinEncoding, PinSpec
from cardcore.profile.model import KeySlot, Usage
from cardcore.tlv import Tlv, parse_one

# Entries that OpenSC 0.23 wrote.
RSA_PRIVATE = (
    "303630140c0b50726976617465204b6579030206c00401ff300e04010103020274030203b8020100a10e300c300604043f00501502020800"
)
EC_PRIVATE = (
    "a03630140c0b50726976617465204b6579030206c00401ff300e04010303020430030203b8020101a10e300c300604043f00501502020100"
)
RSA_PUBLIC = (
    "303430110c0b50726976617465204b657903020640300d0401010302008b010100020100a110300e300804063f005015330002020800"
)
CERTIFICATE = "302630110c0b4365727469666963617465030206403003040101a10c300a300804063f0050153400"
USER_PIN = "302f300e0c08557365722050494e030206c030030401ffa11830160302028c0a0101020104020110020110800101040100"


def item(text: str) -> Tlv:
    return parse_one(bytes.fromhex(text))


def test_an_rsa_private_key_is_understood() -> None:
    entry = entries.read_key(item(RSA_PRIVATE))
    assert (entry.kind, entry.id, entry.reference, entry.bits, entry.local) == (Kind.RSA, b"\x01", 0, 2048, True)
    assert entry.usage == {1, 2, 3, 5}
    assert (entry.common.label, entry.common.auth_id) == ("Private Key", b"\xff")
    assert entry.value == Location(path=bytes.fromhex("3F005015"))


def test_an_ec_private_key_is_understood() -> None:
    entry = entries.read_key(item(EC_PRIVATE))
    assert (entry.kind, entry.id, entry.reference, entry.bits) == (Kind.EC, b"\x03", 1, 256)


def test_a_public_key_is_understood() -> None:
    entry = entries.read_key(item(RSA_PUBLIC))
    assert (entry.kind, entry.id, entry.value) == (Kind.RSA, b"\x01", Location(path=bytes.fromhex("3F0050153300")))


def test_a_certificate_is_understood() -> None:
    entry = entries.read_certificate(item(CERTIFICATE))
    assert entry is not None
    assert (entry.id, entry.value) == (b"\x01", Location(path=bytes.fromhex("3F0050153400")))


def test_a_pin_is_understood() -> None:
    entry = entries.read_pin(item(USER_PIN))
    assert entry is not None
    assert (entry.id, entry.reference, entry.common.label) == (b"\xff", 1, "User PIN")


def test_a_pin_is_written_as_others_write_it() -> None:
    spec = PinSpec(name="user", ref=1, minimum=4, maximum=16, pad_to=16, encoding=PinEncoding.ASCII)
    assert encoding.pin(spec, auth_id=b"\xff", label="User PIN").hex() == USER_PIN


def test_private_keys_are_written_as_others_write_them() -> None:
    where = bytes.fromhex("3F005015")
    slot = KeySlot(name="1", ref=0, label="Private Key", usage=frozenset({Usage.SIGN, Usage.DECIPHER}))
    made = encoding.private_key(
        slot, KEY_TYPES["rsa2048"], key_id=b"\x01", auth_id=b"\xff", where=where, generated=True
    )
    assert made.hex() == RSA_PRIVATE
    slot = KeySlot(name="3", ref=1, label="Private Key", usage=frozenset({Usage.SIGN}))
    made = encoding.private_key(slot, KEY_TYPES["ecp256"], key_id=b"\x03", auth_id=b"\xff", where=where, generated=True)
    assert made.hex() == EC_PRIVATE


def test_a_certificate_entry_is_written_as_others_write_it() -> None:
    slot = KeySlot(name="1", ref=0, label="Certificate")
    assert encoding.certificate(slot, key_id=b"\x01", where=bytes.fromhex("3F0050153400")).hex() == CERTIFICATE


def test_entries_that_hold_their_value_are_read() -> None:
    direct = der.sequence(
        der.sequence(der.text("Inside")),
        der.sequence(der.octets(b"\x07")),
        der.sequence(der.sequence(der.sequence(der.integer(5), tag=0xA0)), tag=0xA1),
    )
    entry = entries.read_certificate(parse_one(direct))
    assert entry is not None
    assert entry.value == der.integer(5)


def test_other_kinds_are_left_alone() -> None:
    inside = der.sequence(der.sequence(der.text("x")), der.sequence(der.octets(b"\x01")), tag=0xA4)
    assert entries.read_key(parse_one(inside)).kind is None
    assert entries.read_certificate(parse_one(inside)) is None
    assert entries.read_pin(parse_one(inside)) is None
    assert entries.read_data(parse_one(inside)) is None


def test_a_reference_that_was_written_with_a_sign_is_a_byte() -> None:
    raw = bytes.fromhex(RSA_PRIVATE).replace(bytes.fromhex("020100"), bytes.fromhex("020184"))
    assert entries.read_key(parse_one(raw)).reference == 0x84


@given(st.frozensets(st.integers(0, 63)))
def test_named_bits_come_back(positions: frozenset[int]) -> None:
    assert der.read_bits(parse_one(der.bits(positions))) == positions


@given(st.integers(0, 2**62))
def test_integers_come_back(value: int) -> None:
    assert der.read_integer(parse_one(der.integer(value))) == value


@pytest.mark.parametrize("value", ["", "08FF", "05", "00" + "FF" * 9])
def test_malformed_bits_are_refused(value: str) -> None:
    with pytest.raises(ReplyError):
        der.read_bits(Tlv(tag=3, value=bytes.fromhex(value)))


@pytest.mark.parametrize("value", ["", "00" * 9])
def test_malformed_integers_are_refused(value: str) -> None:
    with pytest.raises(ReplyError):
        der.read_integer(Tlv(tag=2, value=bytes.fromhex(value)))


@pytest.mark.parametrize("path", ["0400", "04033F0050", "0422" + "3F00" * 17, "04023F000201FF", "0201053F00", ""])
def test_paths_that_lead_nowhere_are_refused(path: str) -> None:
    with pytest.raises(ReplyError):
        entries.location(Tlv(tag=0x30, value=bytes.fromhex(path)))


@pytest.mark.parametrize(("key_id", "name"), [("01", "1"), ("45", "45"), ("10", "10"), ("0A0B", "a0b"), ("00", "0")])
def test_keys_are_named_by_their_identifiers(key_id: str, name: str) -> None:
    assert name_of(bytes.fromhex(key_id)) == name
    assert id_of(name) == bytes.fromhex(key_id)


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())])
def test_public_keys_come_back(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    entry = entries.read_key(item(RSA_PUBLIC if isinstance(key, rsa.RSAPrivateKey) else EC_PRIVATE))
    public = key.public_key()
    assert encoding.read_public_value(encoding.public_value(public), entry) == public


def test_a_bare_point_is_a_public_key() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    numbers = public.public_numbers()
    point = b"\x04" + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)
    assert encoding.read_public_value(der.octets(point), entries.read_key(item(EC_PRIVATE))) == public


@pytest.mark.parametrize("raw", ["0500", "0405FFFFFFFFFF", "3000", "30053003020100", "300830020500030200FF"])
def test_what_is_no_public_key_is_refused(raw: str) -> None:
    with pytest.raises(ReplyError):
        encoding.read_public_value(bytes.fromhex(raw), entries.read_key(item(RSA_PUBLIC)))


SAMPLES = tuple(map(bytes.fromhex, (RSA_PRIVATE, EC_PRIVATE, RSA_PUBLIC, CERTIFICATE, USER_PIN)))
READERS = (entries.read_key, entries.read_certificate, entries.read_pin, entries.read_data)


@given(st.sampled_from(SAMPLES), st.data())
def test_a_damaged_entry_is_a_reply_error_at_worst(sample: bytes, data: st.DataObject) -> None:
    raw = bytearray(sample)
    for place in data.draw(st.lists(st.integers(2, len(raw) - 1), min_size=1, max_size=4)):
        raw[place] = data.draw(st.integers(0, 255))
    found = Tlv(tag=data.draw(st.sampled_from((0x30, 0xA0, 0xA1))), value=bytes(raw[2:]))
    for read in READERS:
        with suppress(ReplyError):
            read(found)


@given(st.binary(max_size=200))
def test_random_bytes_are_a_reply_error_at_worst(value: bytes) -> None:
    for read in READERS:
        with suppress(ReplyError):
            read(Tlv(tag=0x30, value=value))
    with suppress(ReplyError):
        encoding.read_public_value(value, entries.read_key(item(RSA_PUBLIC)))
