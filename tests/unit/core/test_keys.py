"""Every kind of key of a PIV card through the whole driver, each result checked by other people's cryptography."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric import padding as oracle
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from cardcore import keytypes, padding
from cardcore.card import Card
from cardcore.errors import (
    AdminRequired,
    InputError,
    NotFound,
    NotSupported,
    PinRequired,
    ReplyError,
    SecurityStatus,
)
from cardcore.keytypes import type_of
from cardcore.profile.model import PinPolicy
from cardcore.secret import Secret
from tests.unit.core.fakecard import piv, with_policy, without
from tests.unit.core.rsakeys import HASHES, raw_public, rsa_key
from tests.unit.core.softpiv import ADMIN, PIN, certificate, new_card

MESSAGE = b"a message of some length"
RSA_TYPES = ("rsa1024", "rsa2048", pytest.param("rsa3072", marks=pytest.mark.slow))
RSA_4096 = pytest.param("rsa4096", marks=pytest.mark.slow)
CURVES = {"ecp256": ec.SECP256R1(), "ecp384": ec.SECP384R1()}
LOGOUT = bytes.fromhex("0020FF80")
NO_METADATA = ("key-info", "admin-info")


@pytest.fixture
def card() -> Iterator[Card]:
    with new_card() as card:
        card.authenticate_admin(ADMIN)
        yield card


def rsa_public(card: Card, name: str, type_name: str) -> rsa.RSAPublicKey:
    """Generate an RSA key."""
    public = card.generate(name, type_name)
    assert isinstance(public, rsa.RSAPublicKey)
    return public


def ec_public(card: Card, name: str, type_name: str) -> ec.EllipticCurvePublicKey:
    """Generate an elliptic-curve key."""
    public = card.generate(name, type_name)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return public


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("type_name", [*RSA_TYPES, RSA_4096])
def test_rsa_signatures(type_name: str, extended: bool) -> None:
    with new_card(extended=extended) as card:
        card.authenticate_admin(ADMIN)
        public = rsa_public(card, "9a", type_name)
        assert public.key_size == int(type_name.removeprefix("rsa"))
        assert type_of(public).name == type_name
        card.verify(PIN)
        for name in ("sha1", "sha256", "sha384"):
            public.verify(card.sign("9a", MESSAGE, hash=name), MESSAGE, oracle.PKCS1v15(), HASHES[name])
            pss = oracle.PSS(oracle.MGF1(HASHES[name]), HASHES[name].digest_size)
            public.verify(card.sign("9a", MESSAGE, hash=name, scheme="pss"), MESSAGE, pss, HASHES[name])
            bare = card.sign("9a", MESSAGE, hash=name, oid=False)
            value = padding.digest(name, MESSAGE)
            assert public.recover_data_from_signature(bare, oracle.PKCS1v15(), None) == value
            prehashed = card.sign("9a", value, hash=name, prehashed=True)
            public.verify(prehashed, value, oracle.PKCS1v15(), Prehashed(HASHES[name]))
        tls = card.sign("9a", MESSAGE, hash="md5sha1")
        assert public.recover_data_from_signature(tls, oracle.PKCS1v15(), None) == padding.digest("md5sha1", MESSAGE)
        assert raw_public(public, tls)[:2] == b"\x00\x01"


@pytest.mark.parametrize("type_name", CURVES)
@pytest.mark.parametrize("name", ["sha1", "sha256", "sha384", "sha512"])
def test_ecdsa_signatures(card: Card, type_name: str, name: str) -> None:
    public = ec_public(card, "9a", type_name)
    assert public.curve.name == CURVES[type_name].name
    card.verify(PIN)
    for _ in range(4):
        public.verify(card.sign("9a", MESSAGE, hash=name), MESSAGE, ec.ECDSA(HASHES[name]))
    value = padding.digest(name, MESSAGE)
    signature = card.sign("9a", value, hash=name, prehashed=True, scheme="ecdsa", key_type=type_name)
    public.verify(signature, value, ec.ECDSA(Prehashed(HASHES[name])))


@pytest.mark.parametrize("type_name", [*RSA_TYPES, RSA_4096])
def test_rsa_decryption(card: Card, type_name: str) -> None:
    public = rsa_public(card, "9d", type_name)
    for message in (b"", b"k", bytes(16), bytes(range(60))):
        assert card.decipher("9d", public.encrypt(message, oracle.PKCS1v15()), pin=PIN) == message
        for name in ("sha1", "sha256"):
            if len(message) <= public.key_size // 8 - 2 * HASHES[name].digest_size - 2:
                oaep = oracle.OAEP(oracle.MGF1(HASHES[name]), HASHES[name], None)
                assert card.decipher("9d", public.encrypt(message, oaep), scheme="oaep", hash=name) == message


def test_what_does_not_decrypt(card: Card) -> None:
    public = rsa_public(card, "9d", "rsa1024")
    with pytest.raises(InputError, match="127 bytes cannot be a rsa1024 ciphertext"):
        card.decipher("9d", bytes(127), pin=PIN)
    with pytest.raises(InputError, match="does not go with"):
        card.decipher("9d", bytes(128), scheme="pss")
    with pytest.raises(InputError, match="unknown scheme"):
        card.decipher("9d", bytes(128), scheme="rot13")
    ciphertext = public.encrypt(MESSAGE, oracle.PKCS1v15())
    with pytest.raises(ReplyError, match="no OAEP padding"):
        card.decipher("9d", ciphertext, scheme="oaep", pin=PIN)
    assert card.decipher("9d", ciphertext, pin=PIN) == MESSAGE


@pytest.mark.parametrize("type_name", CURVES)
def test_key_agreement(card: Card, type_name: str) -> None:
    public = ec_public(card, "9d", type_name)
    peer = ec.generate_private_key(CURVES[type_name])
    assert card.agree("9d", peer.public_key(), pin=PIN) == peer.exchange(ec.ECDH(), public)


def test_key_agreement_with_another_curve_is_refused(card: Card) -> None:
    ec_public(card, "9d", "ecp256")
    with pytest.raises(InputError, match="not of type ecp256"):
        card.agree("9d", ec.generate_private_key(ec.SECP384R1()).public_key(), pin=PIN)
    rsa_public(card, "9d", "rsa1024")
    with pytest.raises(NotSupported, match="cannot agree"):
        card.agree("9d", ec.generate_private_key(ec.SECP256R1()).public_key(), pin=PIN)


@pytest.mark.parametrize("name", [*piv().keys])
def test_every_slot(card: Card, name: str) -> None:
    public = ec_public(card, name, "ecp256")
    policy = PinPolicy.ALWAYS if name == "9c" else PinPolicy.NEVER if name == "9e" else PinPolicy.ONCE
    info = card.key(name)
    assert (info.slot.name, info.public, info.policy, info.origin) == (name, public, policy, "generated")
    assert info.type is not None
    assert info.type.name == "ecp256"
    pin = None if name == "9e" else PIN
    public.verify(card.sign(name.upper(), MESSAGE, pin=pin), MESSAGE, ec.ECDSA(HASHES["sha256"]))
    listed = card.keys()
    assert [info.slot.name for info in listed] == [name]


# Import


@pytest.mark.parametrize("bits", [1024, 2048])
@pytest.mark.parametrize("extended", [False, True])
def test_an_imported_rsa_key(bits: int, extended: bool) -> None:
    key = rsa_key(bits)
    with new_card(extended=extended) as card:
        card.authenticate_admin(ADMIN)
        card.import_key("9a", key)
        assert card.public_key("9a") == key.public_key()
        assert card.key("9a").origin == "imported"
        signature = card.sign("9a", MESSAGE, pin=PIN)
        key.public_key().verify(signature, MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])


@pytest.mark.parametrize("type_name", CURVES)
def test_an_imported_ec_key(card: Card, type_name: str) -> None:
    for key in (ec.generate_private_key(CURVES[type_name]), ec.derive_private_key(7, CURVES[type_name])):
        card.import_key("9a", key)
        key.public_key().verify(card.sign("9a", MESSAGE, pin=PIN), MESSAGE, ec.ECDSA(HASHES["sha256"]))


def test_the_parts_of_an_imported_key_are_wiped(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Secret] = []
    make = keytypes.private_values

    def noted(key: keytypes.PrivateKey) -> dict[str, Secret | bytes]:
        values = make(key)
        held.extend(value for value in values.values() if isinstance(value, Secret))
        return values

    monkeypatch.setattr(keytypes, "private_values", noted)
    card.import_key("9a", rsa_key(1024))
    assert len(held) == 6
    assert {secret.reveal() for secret in held} == {b""}


def test_what_cannot_be_imported(card: Card) -> None:
    with pytest.raises(NotSupported, match="no keys of type ecp521"):
        card.import_key("9a", ec.generate_private_key(ec.SECP521R1()))
    with pytest.raises(NotSupported, match="not supported"):
        card.import_key("9a", ec.generate_private_key(ec.SECP256K1()))
    with pytest.raises(NotFound):
        card.key("9a")


# Slots and types that are not there


def test_an_empty_slot(card: Card) -> None:
    for call in (
        lambda: card.key("9a"),
        lambda: card.public_key("9a"),
        lambda: card.delete_key("9a"),
        lambda: card.sign("9a", MESSAGE, pin=PIN),
    ):
        with pytest.raises(NotFound, match="there is no key in 9a"):
            call()
    with pytest.raises(InputError, match="has no key 99") as caught:
        card.key("99")
    assert "9a, 9c" in caught.value.hint


def test_a_deleted_key_is_gone(card: Card) -> None:
    ec_public(card, "9a", "ecp256")
    assert card.key("9a").type is not None
    card.delete_key("9a")
    with pytest.raises(NotFound):
        card.key("9a")
    assert card.keys() == []


def test_a_new_key_replaces_what_was_known(card: Card) -> None:
    ec_public(card, "9a", "ecp256")
    card.key("9a")
    public = rsa_public(card, "9a", "rsa1024")
    assert card.public_key("9a") == public
    public.verify(card.sign("9a", MESSAGE, pin=PIN), MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])


def test_unknown_types_and_missing_authority() -> None:
    with new_card() as card:
        with pytest.raises(AdminRequired):
            card.generate("9a", "ecp256")
        with pytest.raises(AdminRequired):
            card.import_key("9a", rsa_key(1024))
        with pytest.raises(AdminRequired):
            card.delete_key("9a")
        with pytest.raises(InputError, match="unknown key type rsa1023"):
            card.generate("9a", "rsa1023")
        with pytest.raises(NotSupported, match="no keys of type ecp521"):
            card.generate("9a", "ecp521")


def test_a_key_is_used_only_for_what_it_is_for(card: Card) -> None:
    with pytest.raises(NotSupported, match="key 9c is not for decipher"):
        card.decipher("9c", bytes(128))
    with pytest.raises(NotSupported, match="key 9c is not for agree"):
        card.agree("9c", ec.generate_private_key(ec.SECP256R1()).public_key())


# PIN policies


def test_a_key_wants_its_pin_once(card: Card) -> None:
    rsa_public(card, "9a", "rsa1024")
    with pytest.raises(SecurityStatus):
        card.sign("9a", MESSAGE)
    card.sign("9a", MESSAGE, pin=PIN)
    card.sign("9a", MESSAGE)
    card.logout()
    with pytest.raises(SecurityStatus):
        card.sign("9a", MESSAGE)


@pytest.mark.parametrize("known", [False, True])
def test_the_signature_key_wants_its_pin_for_each_use(card: Card, known: bool) -> None:
    rsa_public(card, "9c", "rsa1024")
    key_type = "rsa1024" if known else ""
    with pytest.raises(PinRequired, match="for each use"):
        card.sign("9c", MESSAGE, key_type=key_type)
    for _ in range(2):
        card.sign("9c", MESSAGE, key_type=key_type, pin=PIN)
        with pytest.raises(PinRequired):
            card.sign("9c", MESSAGE, key_type=key_type)
        card.verify(PIN)
        card.sign("9c", MESSAGE, key_type=key_type)
        with pytest.raises(PinRequired):
            card.sign("9c", MESSAGE, key_type=key_type)


def test_another_key_uses_up_the_fresh_pin(card: Card) -> None:
    rsa_public(card, "9c", "rsa1024")
    rsa_public(card, "9a", "rsa1024")
    rsa_public(card, "9e", "rsa1024")
    for other in ("9a", "9e"):
        card.verify(PIN)
        card.sign(other, MESSAGE)
        with pytest.raises(PinRequired):
            card.sign("9c", MESSAGE)


def test_a_pin_that_is_given_is_used_where_the_card_has_forgotten_the_last(card: Card) -> None:
    rsa_public(card, "9a", "rsa1024")
    card.verify(PIN)
    card.authentication._session.channel.transport.transmit(LOGOUT)
    with pytest.raises(SecurityStatus):
        card.sign("9a", MESSAGE)
    card.verify(PIN)
    card.authentication._session.channel.transport.transmit(LOGOUT)
    assert len(card.sign("9a", MESSAGE, pin=PIN)) == 128


def test_the_card_knows_the_policy_better_than_the_profile() -> None:
    with new_card(with_policy(piv(), "9a", PinPolicy.NEVER)) as card:
        card.authenticate_admin(ADMIN)
        rsa_public(card, "9a", "rsa1024")
        assert card.key("9a").policy is PinPolicy.ONCE
        card.sign("9a", MESSAGE, pin=PIN)


# Cards without metadata


def test_without_metadata_the_certificate_tells_the_type() -> None:
    with new_card(without(piv(), *NO_METADATA)) as card:
        card.authenticate_admin(ADMIN)
        public = rsa_public(card, "9a", "rsa1024")
        card.write_certificate("9a", certificate(public))
        fresh = card.key("9a")
        assert (fresh.public, fresh.policy, fresh.origin) == (public, PinPolicy.ONCE, "")
        card.verify(PIN)
        public.verify(card.sign("9a", MESSAGE), MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])
        listed = card.keys()
        assert [info.slot.name for info in listed] == ["9a"]


def test_without_metadata_and_certificate_the_type_has_to_be_named() -> None:
    with new_card(without(piv(), *NO_METADATA)) as card:
        card.authenticate_admin(ADMIN)
        public = rsa_public(card, "9a", "rsa1024")
        card._session.forget()
        with pytest.raises(NotFound, match="neither metadata nor certificate") as caught:
            card.sign("9a", MESSAGE, pin=PIN)
        assert "--type" in caught.value.hint
        signature = card.sign("9a", MESSAGE, pin=PIN, key_type="rsa1024")
        public.verify(signature, MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])


def test_without_metadata_a_renewed_key_takes_its_new_certificate() -> None:
    with new_card(without(piv(), *NO_METADATA)) as card:
        card.authenticate_admin(ADMIN)
        card.write_certificate("9a", certificate(rsa_public(card, "9a", "rsa1024")))
        assert card.key("9a").type is not None
        renewed = ec_public(card, "9a", "ecp256")
        assert card.public_key("9a") == renewed
        other = certificate(ec.generate_private_key(ec.SECP256R1()).public_key())
        with pytest.raises(InputError, match="for another key"):
            card.write_certificate("9a", other)
        card.write_certificate("9a", certificate(renewed))
        assert card.public_key("9a") == renewed


def test_a_deleted_certificate_is_not_remembered() -> None:
    with new_card(without(piv(), *NO_METADATA)) as card:
        card.authenticate_admin(ADMIN)
        public = rsa_public(card, "9a", "rsa1024")
        card._session.forget()
        card.authenticate_admin(ADMIN)
        card.write_certificate("9a", certificate(public))
        card.delete_certificate("9a")
        with pytest.raises(NotFound):
            card.key("9a")
