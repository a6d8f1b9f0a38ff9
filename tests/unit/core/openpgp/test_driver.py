"""cardcore and the OpenPGP card: every operation of the profile, and how few commands it takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import MD5, SHA256

from cardcore.card import Card
from cardcore.directory import openpgp
from cardcore.directory.openpgp_keys import attributes_for, fingerprint, kind_of
from cardcore.errors import (
    AdminRequired,
    CardError,
    InputError,
    NotFound,
    NotSupported,
    PinRequired,
    SecurityStatus,
)
from cardcore.keytypes import key_type
from cardcore.opening import open_on
from cardcore.profile.model import PinPolicy
from cardcore.resetting import factory_reset
from cardcore.softcard import SoftCard
from cardcore.tlv import encode, parse, parse_one, require
from tests.unit.core.openpgp.openpgpline import ADMIN, PIN, Line, strict_card

MESSAGE = b"a message"


def count(line: Line, action: Callable[[], object]) -> int:
    """How many commands an action takes."""
    line.sent.clear()
    action()
    return len(line.sent)


def sign_checked(card: Card, name: str) -> None:
    signature = card.sign(name, MESSAGE, pin=PIN)
    public = card.public_key(name)
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, MESSAGE, PKCS1v15(), SHA256())
    else:
        public.verify(signature, MESSAGE, ec.ECDSA(SHA256()))


def test_from_connecting_to_a_signature(softcard: SoftCard) -> None:
    with open_on(Line(softcard)) as card:
        card.authenticate_admin(ADMIN)
        card.generate("signature", "rsa2048")
        card.generate("authentication", "ecp256")
    for key, kind, most in (("signature", "rsa2048", 6), ("authentication", "ecp256", 5)):
        softcard.reset()
        line = Line(softcard)
        with open_on(line) as card:
            card.sign(key, MESSAGE, key_type=kind, pin=PIN)
            assert len(line.sent) <= most
    softcard.reset()
    line = Line(softcard)
    with open_on(line) as card:
        card.sign("authentication", MESSAGE, pin=PIN)
        assert len(line.sent) <= 7  # with the key's type out of application related data
        assert count(line, lambda: card.sign("authentication", MESSAGE, pin=PIN)) == 1


def test_a_warm_signature_where_the_pin_is_good_for_several(softcard: SoftCard) -> None:
    with open_on(Line(softcard)) as card:
        card.authenticate_admin(ADMIN)
        card.generate("signature", "ecp256")
        card.write("password-status", b"\x01")
    line = Line(softcard)
    with open_on(line) as card:
        card.sign("signature", MESSAGE, pin=PIN)
        assert count(line, lambda: card.sign("signature", MESSAGE)) == 1
        assert card.key("signature").policy is PinPolicy.ONCE


def test_each_signature_wants_the_pin(admin: Card, line: Line) -> None:
    admin.generate("signature", "rsa2048")
    admin.sign("signature", MESSAGE, pin=PIN)
    with pytest.raises(PinRequired):
        admin.sign("signature", MESSAGE)
    admin.verify(PIN, "sign")
    assert count(line, lambda: admin.sign("signature", MESSAGE)) == 1
    assert int.from_bytes(admin.read("signature-counter")) == 2


@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "ecp256", "ecp384"])
def test_generated_keys(admin: Card, kind: str) -> None:
    public = admin.generate("authentication", kind)
    sign_checked(admin, "authentication")
    info = admin.key("authentication")
    assert info.type is not None
    assert (info.type.name, info.origin) == (kind, "generated")
    created = int.from_bytes(admin.read("d0"))
    assert admin.read("c9") == fingerprint(public, 0xA4, created)


def test_generating_wants_the_admin(card: Card, line: Line) -> None:
    with pytest.raises(AdminRequired):
        card.generate("signature", "ecp256")
    with pytest.raises(AdminRequired):
        card.generate("signature", "rsa2048")
    assert not [command for command in line.sent if command[1] in (0xDA, 0x47)]


@pytest.mark.parametrize("ending", ["001100", "001101", "001102", "001103", "002000", "002003"])
def test_imported_rsa_keys(admin: Card, ending: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    admin.write("c3", bytes.fromhex("010800" + ending))
    admin.import_key("authentication", key)
    assert admin.key("authentication").origin == "imported"
    assert admin.public_key("authentication") == key.public_key()
    sign_checked(admin, "authentication")


@pytest.mark.parametrize("size", [3072, 4096])
def test_imported_large_keys(admin: Card, size: int) -> None:
    key = rsa.generate_private_key(65537, size)
    admin.import_key("decryption", key)
    assert admin.decipher("decryption", key.public_key().encrypt(MESSAGE, PKCS1v15()), pin=PIN) == MESSAGE


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_imported_curve_keys(admin: Card, curve: ec.EllipticCurve, line: Line) -> None:
    key, peer = ec.generate_private_key(curve), ec.generate_private_key(curve)
    admin.import_key("decryption", key)
    assert admin.agree("decryption", peer.public_key(), pin=PIN) == peer.exchange(ec.ECDH(), key.public_key())
    secret = key.private_numbers().private_value.to_bytes(curve.key_size // 8)
    carried = [index for index, command in enumerate(line.sent) if secret in command]
    assert carried
    assert all(line.masks[index].command for index in carried)


def test_a_type_that_the_card_lacks(admin: Card, line: Line) -> None:
    with pytest.raises(NotSupported, match="ecp521"):
        admin.generate("signature", "ecp521")
    line.answers["00ca00fa"] = "6a88"
    with pytest.raises(CardError, match="6A80"):
        admin.generate("signature", "ecp521")


def test_what_cannot_be_signed_is_refused(admin: Card) -> None:
    admin.generate("authentication", "rsa2048")
    with pytest.raises(NotSupported, match="pss"):
        admin.sign("authentication", MESSAGE, scheme="pss", pin=PIN)
    with pytest.raises(NotSupported):
        admin.decipher("authentication", bytes(256), pin=PIN)
    with pytest.raises(NotSupported):
        admin.sign("decryption", MESSAGE, pin=PIN)


def test_without_oid() -> None:
    line = Line(strict_card())
    with open_on(line) as card:
        card.authenticate_admin(ADMIN)
        for name in ("signature", "authentication"):
            card.generate(name, "rsa2048")
        with pytest.raises(NotSupported, match="OID"):
            card.sign("signature", MESSAGE, oid=False, pin=PIN)
        sign_checked(card, "signature")
        sent = len(line.sent)
        for oid, hash_name in (
            (False, "sha256"),
            (True, "md5sha1"),
        ):  # known by now: nothing is sent, no PIN either
            with pytest.raises(NotSupported, match="insists on the hash's OID"):
                card.sign("signature", MESSAGE, pin=PIN, oid=oid, hash=hash_name)
        assert len(line.sent) == sent
        bare = card.sign("authentication", MESSAGE, oid=False, pin=PIN)
        public = card.public_key("authentication")
        assert isinstance(public, rsa.RSAPublicKey)
        assert public.recover_data_from_signature(bare, PKCS1v15(), None) == hashlib.sha256(MESSAGE).digest()
        tls = card.sign("authentication", MESSAGE, hash="md5sha1", pin=PIN)
        assert len(public.recover_data_from_signature(tls, PKCS1v15(), None)) == 36


def test_whether_it_looks_into_what_it_signs_is_asked_anew_of_another_key() -> None:
    with open_on(Line(strict_card())) as card:
        card.authenticate_admin(ADMIN)
        for _ in range(2):
            card.generate("signature", "rsa2048")
            with pytest.raises(NotSupported, match="the card says"):
                card.sign("signature", MESSAGE, oid=False, pin=PIN)
            with pytest.raises(NotSupported, match="insists on"):
                card.sign("signature", MESSAGE, oid=False, pin=PIN)


def test_a_lenient_key_signs_a_bare_hash(admin: Card) -> None:
    admin.generate("signature", "rsa2048")
    bare = admin.sign("signature", MESSAGE, oid=False, pin=PIN)
    public = admin.public_key("signature")
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.recover_data_from_signature(bare, PKCS1v15(), None) == hashlib.sha256(MESSAGE).digest()


def test_other_hashes(admin: Card) -> None:
    admin.generate("authentication", "rsa2048")
    public = admin.public_key("authentication")
    assert isinstance(public, rsa.RSAPublicKey)
    value = hashlib.md5(MESSAGE, usedforsecurity=False).digest()
    signature = admin.sign("authentication", value, hash="md5", prehashed=True, pin=PIN)
    public.verify(signature, value, PKCS1v15(), Prehashed(MD5()))  # noqa: S303 - what is asked for is made


def test_certificates(admin: Card) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test")])
    dates = datetime(2026, 1, 1), datetime(2036, 1, 1)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 7, *dates).sign(key, SHA256())
    for slot in ("signature", "decryption", "authentication"):
        assert admin.certificate(slot) is None
        admin.import_key(slot, key)
        admin.write_certificate(slot, certificate)
        assert list(admin.certificates()) == [slot]
        admin.delete_certificate(slot)
    admin.generate("signature", "ecp256")
    with pytest.raises(InputError, match="another key"):
        admin.write_certificate("signature", certificate)


def test_objects(admin: Card) -> None:
    for name, content in (("name", b"Doe<<Jane"), ("language", b"en"), ("salutation", b"2"), ("login", b"jane")):
        admin.write(name, content)
        assert admin.read(name) == content
    with pytest.raises(SecurityStatus):
        admin.write("private-3", b"x")
    admin.verify(PIN)
    for name in ("private-1", "private-2", "private-3", "private-4"):
        admin.write(name, name.encode())
        assert admin.read(name) == name.encode()
    assert admin.read("aid").hex().upper()[16:28] == admin.serial()
    with pytest.raises(NotFound):
        admin.read("ab")


def test_a_type_that_this_card_does_not_offer_is_known_before_the_admin_pin(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    card.keyring.require_type("signature", "ecp384")
    monkeypatch.setattr(openpgp.OpenPgpDirectory, "_offered", lambda *_: [bytes.fromhex("132A8648CE3D030107")])
    card.keyring.require_type("signature", "ecp256")
    with pytest.raises(NotSupported, match="no ecp384 key there") as caught:
        card.keyring.require_type("signature", "ecp384")
    assert caught.value.hint == "It takes ecp256."


def test_a_card_is_never_blank(admin: Card) -> None:
    with pytest.raises(NotSupported):
        admin.initialise()
    admin.write("login", b"jane")
    with pytest.raises(InputError, match="login"):
        admin.initialise()


@pytest.mark.parametrize("with_admin", [False, True])
def test_reset(card: Card, with_admin: bool) -> None:
    card.change_pin(PIN, "654321")
    card.authenticate_admin(ADMIN)
    card.generate("signature", "ecp256")
    if not with_admin:
        card.logout()
    factory_reset(card)
    assert card.keys() == []
    card.verify(PIN)
    assert [status.tries_left for status in card.pins()] == [None, 3, 3, 0]


def test_older_cards(softcard: SoftCard) -> None:
    """No key information, no algorithm information, no KDF; application related data without its own tag."""
    line = Line(softcard)
    with open_on(line) as card:
        card.authenticate_admin(ADMIN)
        card.generate("signature", "ecp256")
        content = card.read("application")
    parts = [item for item in parse(parse_one(content).value) if item.tag != 0x73]
    inner = b"".join(item.encode() for item in parse(require(content, [0x6E, 0x73])) if item.tag != 0xDE)
    bare = b"".join(item.encode() for item in parts) + encode(0x73, inner)
    line = Line(softcard)
    line.answers = {"00ca006e": bare.hex() + "9000", "00ca00fa": "6a88", "00ca00f9": "6a88"}
    with open_on(line) as card:
        keys = card.keys()
        assert [info.slot.name for info in keys] == ["signature"]
        sign_checked(card, "signature")
        with pytest.raises(NotFound):
            card.key("decryption")


@pytest.mark.parametrize("answer", ["9000", "6e009000", "6e044f0000009000", "6e0b4f0461626364730000009000", "73"])
def test_malformed_application_data_is_an_error(card: Card, line: Line, answer: str) -> None:
    line.answers["00ca006e"] = answer
    with pytest.raises(CardError):
        card.serial()


def test_long_commands_are_extended_as_far_as_the_card_takes_them(admin: Card, line: Line) -> None:
    def sizes(content: bytes) -> list[int]:
        line.sent.clear()
        admin.write("private-2", content)
        return [len(command) for command in line.sent]

    admin.serial()
    assert sizes(bytes(2000)) == [7 + 2000]
    line.answers["00ca006e"] = admin.read("application").hex().replace("02020fff", "02020200") + "9000"
    admin.serial()
    assert sizes(bytes(400)) == [7 + 400]
    assert sizes(bytes(2000)) == [5 + 255] * 7 + [5 + 215]
    assert {command[0] for command in line.sent[:-1]} == {0x10}


def test_attributes() -> None:
    rsa3072, p384 = key_type("rsa3072"), key_type("ecp384")
    present = bytes.fromhex("010800002003")
    assert attributes_for(rsa3072, 0xB6, present, []) == bytes.fromhex("010C00002003")
    assert attributes_for(rsa3072, 0xB6, b"", []) == bytes.fromhex("010C00001100")
    assert attributes_for(p384, 0xB8, present, []) == bytes.fromhex("122B81040022")
    assert attributes_for(p384, 0xA4, present, []) == bytes.fromhex("132B81040022")
    assert kind_of(bytes.fromhex("162B06010401DA470F01")) == ""
    assert kind_of(b"") == ""


def test_a_fingerprint(monkeypatch: pytest.MonkeyPatch, admin: Card) -> None:
    """Held against GnuPG's own computation in the simulated tests; here that the moment is the one written."""
    monkeypatch.setattr(openpgp, "time", SimpleNamespace(time=lambda: 1_700_000_000))
    public = admin.generate("decryption", "ecp256")
    assert admin.read("cf") == (1_700_000_000).to_bytes(4)
    assert admin.read("c8") == fingerprint(public, 0xB8, 1_700_000_000) != fingerprint(public, 0xB6, 1_700_000_000)
