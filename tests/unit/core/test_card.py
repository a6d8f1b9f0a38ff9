"""The card as a program sees it: PINs, the admin key, certificates and data objects of a PIV card."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from cardcore import keytypes, tlv
from cardcore.card import Card
from cardcore.errors import (
    AdminRequired,
    InputError,
    LastTry,
    NotFound,
    NotSupported,
    PinBlocked,
    PinError,
    ReplyError,
    StatusError,
    TransportError,
)
from cardcore.keytypes import KEY_TYPES, EcPoint, RsaNumbers
from cardcore.masking import OPEN, Mask
from cardcore.profile.model import Profile
from cardcore.secret import Secret
from cardcore.transport.faults import CountingTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.fakecard import piv, without
from tests.unit.core.rsakeys import rsa_key
from tests.unit.core.softpiv import ADMIN, PIN, PUK, certificate, new_card, new_soft_card, open_piv

WRONG = b"999999"
CIPHERS = {"3des": 24, "aes128": 16, "aes192": 24, "aes256": 32}


@pytest.fixture
def card() -> Iterator[Card]:
    with new_card() as card:
        yield card


@pytest.fixture
def managed(card: Card) -> Card:
    card.authenticate_admin(ADMIN)
    return card


# PINs


def test_a_pin_from_right_to_blocked_and_back(card: Card) -> None:
    assert card.pin_status().tries_left == 3
    card.verify(PIN)
    assert card.pin_status().verified
    card.verify(Secret(PIN))
    for left in (2, 1):
        with pytest.raises(PinError, match=f"{left} tr") as caught:
            card.verify(WRONG)
        assert caught.value.tries_left == left
    with pytest.raises(LastTry):
        card.verify(PIN)
    assert card.pin_status().tries_left == 1
    with pytest.raises(PinBlocked, match="blocked now"):
        card.verify(WRONG, last_try=True)
    with pytest.raises(PinBlocked):
        card.verify(PIN, last_try=True)
    assert card.pin_status().blocked
    card.unblock_pin(PUK, "222222")
    card.verify("222222")


def test_change_of_pin_and_puk(card: Card) -> None:
    card.change_pin(PIN, "222222")
    with pytest.raises(PinError):
        card.verify(PIN)
    card.verify(b"222222")
    card.change_pin(PUK, "abcdefgh", "puk")
    with pytest.raises(PinError, match="wrong PUK"):
        card.unblock_pin(PUK, PIN)
    card.unblock_pin("abcdefgh", PIN)
    card.verify(PIN)


def test_a_blocked_puk(card: Card) -> None:
    for _ in range(2):
        with pytest.raises(PinError):
            card.unblock_pin(b"00000000", PIN, last_try=True)
    with pytest.raises(PinBlocked):
        card.unblock_pin(b"00000000", PIN, last_try=True)
    with pytest.raises(PinBlocked):
        card.unblock_pin(PUK, PIN, last_try=True)


def test_the_state_of_all_pins(card: Card) -> None:
    assert [(state.name, state.label) for state in card.pins()] == [("user", "PIN"), ("puk", "PUK")]


class Shared(SoftTransport):
    """A connection whose end does not take the power from the card: another program has it too."""

    refused = b""

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Send a command, unless it is the one to log out and the card has none."""
        return self.refused if self.refused and command[1:3] == b"\x20\xff" else super().transmit(command, mask)

    def close(self) -> None:
        """The card stays as it is."""


@pytest.mark.parametrize("refused", ["", "6D00", "6A86", "6982"])
def test_close_logs_out(refused: str) -> None:
    soft = new_soft_card()
    transport = Shared(soft, "test")
    transport.refused = bytes.fromhex(refused)
    card = open_piv(transport)
    card.verify(PIN)
    other = open_piv(SoftTransport(soft, "test"))
    assert other.pin_status().verified
    card.close()
    assert not other.pin_status().verified
    card.close()


def test_close_logs_out_where_there_is_no_command_for_it() -> None:
    soft = new_soft_card()
    with open_piv(Shared(soft, "test"), without(piv(), "logout")) as card:
        card.verify(PIN)
    assert not open_piv(SoftTransport(soft, "test")).pin_status().verified


def test_close_ends_what_was_proved_without_anybody_hearing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the card compares the PIN; an answer that does not arrive."""
    soft = new_soft_card()
    other = open_piv(SoftTransport(soft, "test"))
    for error in (KeyboardInterrupt(), TransportError("lost"), ReplyError("garbled")):
        transport = Shared(soft, "test")

        def interrupted(command: bytes, mask: Mask = OPEN, error: BaseException = error) -> bytes:
            reply = soft.process(command)
            if command[1] == 0x20 and len(command) > 5:
                raise error
            return reply

        monkeypatch.setattr(transport, "transmit", interrupted)
        card = open_piv(transport)
        with pytest.raises(type(error)):
            card.verify(PIN)
        assert other.pin_status().verified
        card.close()
        assert not other.pin_status().verified


def test_close_after_a_refused_pin_resets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Shared(new_soft_card(), "test")
    resets: list[None] = []
    monkeypatch.setattr(transport, "reset", lambda: resets.append(None))
    with pytest.raises(PinError), open_piv(transport) as card:
        card.verify("999999")
    assert resets == []


def test_close_ends_what_the_admin_key_proved() -> None:
    soft = new_soft_card()
    generate = bytes.fromhex("0047009A05AC0380011100")
    with open_piv(Shared(soft, "test")) as card:
        card.authenticate_admin(ADMIN)
        assert soft.process(generate)[-2:] != b"\x69\x82"
    open_piv(SoftTransport(soft, "test")).serial()
    assert soft.process(generate) == b"\x69\x82"


# The admin key


def single(profile: Profile) -> Profile:
    """The profile with the other procedure."""
    assert profile.admin is not None
    return replace(profile, admin=replace(profile.admin, procedure="challenge-single"))


@pytest.mark.parametrize("profile", [piv(), single(piv())], ids=["mutual", "single"])
@pytest.mark.parametrize("cipher", CIPHERS)
def test_every_kind_of_admin_key(profile: Profile, cipher: str) -> None:
    key = bytes(range(1, CIPHERS[cipher] + 1))
    with new_card(profile) as card:
        with pytest.raises(AdminRequired):
            card.change_admin_key(key, cipher)
        card.authenticate_admin(ADMIN)
        card.change_admin_key(key, cipher)
        card.authenticate_admin(key, cipher)
        card.authenticate_admin(key)
        card.write("chuid", b"\x30\x00")
        with pytest.raises(PinError, match="refused the admin key"):
            card.authenticate_admin(bytes(len(key)), cipher)
        with pytest.raises(AdminRequired):
            card.write("chuid", b"\x30\x00")


@pytest.mark.parametrize("profile", [piv(), without(piv(), "admin-info")], ids=["told", "not told"])
def test_a_new_admin_key_may_have_another_cipher(profile: Profile) -> None:
    with new_card(profile) as card:
        card.authenticate_admin(ADMIN)
        card.change_admin_key(bytes(32))
        card.authenticate_admin(bytes(32))
        card.change_admin_key(ADMIN)
        card.authenticate_admin(ADMIN)
        card.change_admin_key(bytes(24), "aes192")
        card.authenticate_admin(bytes(24), "aes192")


def test_an_admin_key_of_no_possible_length(card: Card) -> None:
    with pytest.raises(InputError, match="has 23 bytes") as caught:
        card.authenticate_admin(bytes(23))
    assert "16, 24, 32 bytes" in caught.value.hint
    with pytest.raises(InputError, match="has 16 bytes"):
        card.authenticate_admin(bytes(16), "aes256")
    with pytest.raises(NotSupported, match="no des admin key"):
        card.authenticate_admin(bytes(8), "des")
    with new_card(replace(piv(), admin=None)) as other, pytest.raises(NotSupported, match="no admin key"):
        other.authenticate_admin(ADMIN)


def test_a_card_that_does_not_know_the_admin_key_is_told_from_one_that_does(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = card.authentication._session
    run = session.run

    def lying(operation: str, values: dict[str, bytes]) -> object:
        return bytes(8) if operation == "authenticate-answer" else run(operation, values)

    monkeypatch.setattr(session, "run", lying)
    with pytest.raises(ReplyError, match="did not prove"):
        card.authenticate_admin(ADMIN)
    assert not session.admin


@pytest.mark.parametrize("size", [0, 7, 9, 16])
def test_a_witness_of_another_size(card: Card, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(card.authentication._session, "run", lambda operation, values: bytes(size))
    with pytest.raises(ReplyError, match=f"sent {size} bytes"):
        card.authenticate_admin(ADMIN, "3des")


def test_a_selection_that_was_lost_is_found_again_for_the_admin_key() -> None:
    transport = SoftTransport(new_soft_card(), "test")
    card = open_piv(transport, selected=True)
    card.authenticate_admin(ADMIN, "3des")
    card.write("chuid", b"\x30\x00")
    card.close()


# The card as a whole


def test_a_blank_card_is_initialised_once() -> None:
    with new_card(blank=True) as card:
        card.authenticate_admin(ADMIN)
        with pytest.raises(InputError, match="no label"):
            card.initialise("label")
        card.initialise()
        assert len(tlv.require(card.read("chuid"), [0x34])) == 16
        assert tlv.require(card.read("ccc"), [0xF0]).startswith(bytes.fromhex("A000000116FF02"))
        with pytest.raises(InputError, match="not blank: it holds chuid, ccc"):
            card.initialise()


def test_a_card_with_a_key_or_certificate_is_not_blank(managed: Card) -> None:
    managed.generate("9d", "ecp256")
    managed.write_certificate("9a", certificate(ec.generate_private_key(ec.SECP256R1()).public_key()))
    with pytest.raises(InputError, match="certificate 9a, key 9d"):
        managed.initialise()


def test_a_factory_reset(managed: Card) -> None:
    managed.generate("9a", "ecp256")
    assert managed.key("9a").type is not None
    with pytest.raises(StatusError):
        managed.reset_card()
    for reference in ("80", "81"):
        for _ in range(3):
            managed.authentication._session.channel.transport.transmit(
                bytes.fromhex(f"002400{reference}10" + "3131313131313131" * 2)
            )
    managed.reset_card()
    with pytest.raises(NotFound):
        managed.key("9a")
    with pytest.raises(AdminRequired):
        managed.generate("9a", "ecp256")
    assert managed.pin_status().tries_left == 3


def test_random_bytes(card: Card) -> None:
    with pytest.raises(NotSupported):  # this family has no command for them
        card.random(8)
    assert card.random(0) == b""


def test_what_the_card_says_of_itself(card: Card) -> None:
    assert card.profile.id == "piv"
    assert card.reader == "soft:test"
    assert card.atr[0] == 0x3B
    with card.transaction(), card.transaction():
        assert card.serial()


def test_a_warm_card_is_not_asked_twice(managed: Card) -> None:
    managed.generate("9a", "rsa1024")
    managed.verify(PIN)
    managed.sign("9a", b"first")
    counting = CountingTransport(managed.authentication._session.channel.transport)
    managed.authentication._session.channel.transport = counting
    managed.sign("9a", b"second")
    assert counting.count == 1


# Public keys from cards and certificates


@pytest.mark.parametrize(
    ("numbers", "type_name"),
    [
        (RsaNumbers(modulus=0, exponent=65537), None),
        (RsaNumbers(modulus=15, exponent=3), "rsa1024"),
        (RsaNumbers(modulus=(1 << 2047) + 1, exponent=65537), "rsa1024"),
        (RsaNumbers(modulus=(1 << 1023) + 1, exponent=65536), "rsa1024"),
        (RsaNumbers(modulus=(1 << 1023) + 1, exponent=65537), "ecp256"),
        (EcPoint(point=b""), "ecp256"),
        (EcPoint(point=b""), None),
        (EcPoint(point=b"\x04" + bytes(64)), "ecp256"),
        (EcPoint(point=b"\x04" + b"\xff" * 64), None),
        (EcPoint(point=b"\x04" + bytes(96)), "ecp256"),
        (EcPoint(point=b"\x04" + bytes(64)), "rsa2048"),
    ],
)
def test_an_impossible_public_key_is_a_reply_error(numbers: RsaNumbers | EcPoint, type_name: str | None) -> None:
    with pytest.raises(ReplyError):
        keytypes.public_key(numbers, None if type_name is None else KEY_TYPES[type_name])


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_point_tells_its_curve_by_its_length(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    point = keytypes.private_values(key)["private.public"]
    assert isinstance(point, bytes)
    assert keytypes.public_key(EcPoint(point=point)) == key.public_key()


def test_kinds_of_key_that_no_card_has() -> None:
    for key in (dsa.generate_private_key(2048), ed25519.Ed25519PrivateKey.generate(), rsa_key(1025)):
        with pytest.raises(NotSupported):
            keytypes.type_of(key)  # type: ignore[arg-type]  # that is the point


def probable_prime(bits: int) -> int:
    """A prime with its two top bits set, fit for RSA with e = 65537."""
    while True:
        number = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if pow(2, number - 1, number) == 1 and (number - 1) % 65537:
            return number


def test_an_rsa_key_with_uneven_primes_is_refused() -> None:
    p, q = probable_prime(600), probable_prime(424)
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    with pytest.raises(NotSupported, match="different lengths"):
        keytypes.private_values(numbers.private_key())


def test_lock_ends_what_a_pin_and_the_admin_key_proved(card: Card) -> None:
    card.verify(PIN)
    card.lock()
    assert not card.pin_status().verified
    card.authenticate_admin(ADMIN)
    card.lock()
    with pytest.raises(AdminRequired):
        card.generate("9a", "ecp256")
    card.lock()
    card.authenticate_admin(ADMIN)
    card.generate("9a", "ecp256")


def test_lock_resets_a_card_that_has_no_command_for_it() -> None:
    with new_card(without(piv(), "logout")) as card:
        card.verify(PIN)
        card.lock()
        assert not card.pin_status().verified
