"""Types of keys that one process remembers for the next: they spare commands, and are never taken for what is there."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric import padding as oracle

from cardcore.errors import NotFound, PinError, SecurityStatus, StatusError
from cardcore.softcard import SoftCard, volatile_card
from tests.unit.core.remembering import MESSAGE, check, elsewhere, files, new_card, opened
from tests.unit.core.softpiv import ADMIN, COST, PIN

WRONG = "999999"


@pytest.fixture
def piv() -> SoftCard:
    """A card with an RSA key in 9a, which was used once."""
    soft = new_card("piv", "9a")
    with opened(soft) as (card, _):
        card.sign("9a", MESSAGE, pin=PIN)
    assert files()
    return soft


def test_a_key_that_others_replaced_by_one_of_its_type_signs_as_itself(
    piv: SoftCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with elsewhere(piv, monkeypatch) as card:
        public = card.generate("9a", "rsa2048")
    with opened(piv) as (card, transport):
        check(public, card.sign("9a", MESSAGE, pin=PIN))
        assert transport.count == 6


@pytest.mark.parametrize("kind", ["ecp256", "ecp384", "rsa1024", "rsa3072"])
def test_a_key_that_others_replaced_by_one_of_another_type_costs_commands_and_no_pin(
    piv: SoftCard, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with elsewhere(piv, monkeypatch) as card:
        public = card.generate("9a", kind)
    with opened(piv) as (card, transport):
        check(public, card.sign("9a", MESSAGE, pin=PIN))
        assert transport.pins == 1
        assert card.keyring.kind("9a").name == kind
    with opened(piv) as (card, transport):  # from now on the card is asked
        check(public, card.sign("9a", MESSAGE, pin=PIN))
        assert (transport.pins, [ins for ins, _ in transport.remembered][1]) == (1, 0xF7)


def test_another_card_of_the_same_kind_is_asked_when_the_hint_fails(piv: SoftCard) -> None:
    other = new_card("piv", "9a", "ecp256")
    with opened(piv) as (card, _):
        card.sign("9a", MESSAGE, pin=PIN)  # what is written forgets all cards of the kind: learn it again
    with opened(other) as (card, transport):
        check(card.public_key("9a"), card.sign("9a", MESSAGE, pin=PIN))
        assert transport.pins == 1
    for soft in (piv, other, piv):
        with opened(soft) as (card, transport):
            card.sign("9a", MESSAGE, pin=PIN)
            assert [ins for ins, _ in transport.remembered][1] == 0xF7


def test_a_key_that_others_deleted_is_not_there(piv: SoftCard, monkeypatch: pytest.MonkeyPatch) -> None:
    with elsewhere(piv, monkeypatch) as card:
        card.delete_key("9a")
    with opened(piv) as (card, transport):
        with pytest.raises(NotFound, match="there is no key in 9a"):
            card.sign("9a", MESSAGE, pin=PIN)
        assert transport.pins == 1


def test_a_wrong_pin_is_sent_once_and_is_no_fault_of_the_hint(piv: SoftCard) -> None:
    with opened(piv) as (card, transport):
        with pytest.raises(PinError) as caught:
            card.sign("9a", MESSAGE, pin=WRONG)
        assert (transport.pins, caught.value.tries_left) == (1, 2)
    with opened(piv) as (card, transport):
        card.sign("9a", MESSAGE, pin=PIN)
        assert transport.count == 6


@pytest.mark.parametrize("answer", ["6581", "6F00", "6A80", "6985", "6D00"])
def test_a_pin_whose_fate_is_unknown_is_not_sent_again_for_a_wrong_hint(
    piv: SoftCard, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    with elsewhere(piv, monkeypatch) as card:
        card.generate("9a", "ecp256")
    with opened(piv) as (card, transport):
        monkeypatch.setattr(transport, "verify_answer", bytes.fromhex(answer))
        with pytest.raises(StatusError) as caught:
            card.sign("9a", MESSAGE, pin=PIN)
        assert (transport.pins, caught.value.sw) == (1, int(answer, 16))


def test_without_its_pin_a_key_is_refused_as_ever(piv: SoftCard) -> None:
    with opened(piv) as (card, transport), pytest.raises(SecurityStatus):
        card.sign("9a", MESSAGE)
    assert transport.pins == 0


def test_a_wrong_hint_does_not_refuse_what_the_card_can(piv: SoftCard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where it fails before anything is sent: a ciphertext of another size, a scheme of another type."""
    with elsewhere(piv, monkeypatch) as card:
        public = card.generate("9a", "rsa1024")
    assert isinstance(public, rsa.RSAPublicKey)
    with opened(piv) as (card, transport):
        assert card.decipher("9a", public.encrypt(MESSAGE, oracle.PKCS1v15()), pin=PIN) == MESSAGE
        assert transport.pins == 1
    with elsewhere(piv, monkeypatch) as card:
        ours = card.generate("9a", "ecp256")
    with opened(piv) as (card, transport):
        check(ours, card.sign("9a", MESSAGE, scheme="ecdsa", pin=PIN))
        assert transport.pins == 1


def test_deciphering_takes_the_hint_too(piv: SoftCard) -> None:
    with opened(piv, cached=False) as (card, _):
        public = card.public_key("9a")
        assert isinstance(public, rsa.RSAPublicKey)
    cipher = public.encrypt(MESSAGE, oracle.PKCS1v15())
    with opened(piv) as (card, transport):
        assert card.decipher("9a", cipher, pin=PIN) == MESSAGE
        assert transport.count == 6


def test_a_key_that_wants_its_pin_each_time_takes_no_hint() -> None:
    soft = new_card("piv", "9c")
    for _ in range(2):
        with opened(soft) as (card, transport):
            card.sign("9c", MESSAGE, pin=PIN)
            assert transport.count == 8
    assert not files()


def test_a_container_that_others_made_of_another_size(monkeypatch: pytest.MonkeyPatch) -> None:
    soft = new_card("gids", "1")
    with opened(soft) as (card, _):
        card.sign("1", MESSAGE, pin=PIN)
    with elsewhere(soft, monkeypatch, admin=False) as card:
        public = card.generate("1", "rsa1024")
    for scheme in ("pkcs1", "pss"):
        with opened(soft) as (card, transport):
            signature = card.sign("1", MESSAGE, scheme=scheme, pin=PIN)
            assert (len(signature), transport.pins) == (128, 1)
            if scheme == "pkcs1":
                check(public, signature)


@pytest.mark.parametrize("application", ["openpgp", "isoapplet"])
def test_where_the_commands_do_not_name_the_type_there_are_no_hints(application: str) -> None:
    key = "authentication" if application == "openpgp" else "1"
    soft = volatile_card(application, cost=COST)
    with opened(soft, cached=False) as (card, _):
        if application == "openpgp":
            card.authenticate_admin("12345678")
        card.verify(PIN)
        card.generate(key, "rsa2048")
    with opened(soft) as (card, _):
        card.sign(key, MESSAGE, pin=PIN)
    assert not files()


def test_a_hint_of_nonsense_is_no_hint(piv: SoftCard) -> None:
    with opened(piv) as (card, _):
        cache = card._session.cache
        assert cache is not None
        cache.drop()
        cache.keep_key_type("9a", "rsa9999")
    with opened(piv) as (card, transport):
        card.sign("9a", MESSAGE, pin=PIN)
        assert transport.count == 8


# What is written


@pytest.mark.parametrize("cached", [True, False])
def test_everything_that_writes_forgets_first(piv: SoftCard, cached: bool) -> None:
    with opened(piv, cached=cached) as (card, transport):
        card.authenticate_admin(ADMIN)
        key = ec.generate_private_key(ec.SECP256R1())
        actions = {
            0x47: lambda: card.generate("9d", "ecp256"),
            0xFE: lambda: card.import_key("9d", key),
            0xDB: lambda: card.write("5FC109", b"\x53\x00"),
            0xF6: lambda: card.delete_key("9d"),
            0xFB: card.reset_card,
        }
        for ins, action in actions.items():
            with opened(piv) as (other, _):
                other.keyring.info("9a")
            assert files()
            card.authenticate_admin(ADMIN)
            transport.remembered.clear()
            with pytest.raises(StatusError) if ins == 0xFB else nullcontext():
                action()
            assert (ins, False) in transport.remembered
            assert not files()
