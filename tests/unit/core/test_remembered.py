"""What one process remembers for the next: it spares commands, and is never taken for what the card holds now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric import padding as oracle

from cardcore import opening
from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.errors import NotFound, PinError, SecurityStatus, StatusError
from cardcore.masking import OPEN, Mask
from cardcore.softcard import SoftCard, volatile_card
from cardcore.transport.faults import CountingTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.rsakeys import HASHES
from tests.unit.core.softpiv import ADMIN, COST, PIN, certificate

MESSAGE = b"what is signed"
WRONG = "999999"
_VERIFY = 0x20


class Watched(CountingTransport):
    """Counts commands, and keeps those that bring a PIN, and whether anything was remembered when others went by."""

    def __init__(self, soft: SoftCard) -> None:
        super().__init__(SoftTransport(soft, "watched"))
        self.pins = 0
        self.remembered: list[tuple[int, bool]] = []

    @property
    def extended_length(self) -> bool:
        """No."""
        return False

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Take note, and send."""
        apdu = CommandApdu.decode(command)
        self.pins += apdu.ins == _VERIFY and bool(apdu.data)
        self.remembered.append((apdu.ins, bool(files())))
        return super().transmit(command, mask)


def files() -> list[Path]:
    return sorted((Path(os.environ["XDG_CACHE_HOME"]) / "cardcore" / "public").glob("*.cache"))


@contextmanager
def opened(soft: SoftCard, *, cached: bool = True) -> Iterator[tuple[Card, Watched]]:
    """A process that uses the card: it connects, and the card is reset afterwards."""
    transport = Watched(soft)
    with opening.open_on(transport, cached=cached) as card:
        yield card, transport
    soft.reset()


@contextmanager
def elsewhere(soft: SoftCard, monkeypatch: pytest.MonkeyPatch, *, admin: bool = True) -> Iterator[Card]:
    """Another machine, of whose changes nothing remembered here can be told."""
    with monkeypatch.context() as there:
        there.setenv("XDG_CACHE_HOME", os.environ["XDG_CACHE_HOME"] + "-elsewhere")
        with opened(soft) as (card, _):
            if admin:
                card.authenticate_admin(ADMIN)
            else:
                card.verify(PIN)
            yield card


def new_card(application: str, key: str, kind: str = "rsa2048") -> SoftCard:
    soft = volatile_card(application, cost=COST)
    with opened(soft, cached=False) as (card, _):
        if application == "piv":
            card.authenticate_admin(ADMIN)
        else:
            card.verify(PIN)
        card.generate(key, kind)
    return soft


@pytest.fixture
def piv() -> SoftCard:
    """A card with an RSA key in 9a, which was used once."""
    soft = new_card("piv", "9a")
    with opened(soft) as (card, _):
        card.sign("9a", MESSAGE, pin=PIN)
    assert files()
    return soft


class Clock:
    """The time as cards are told it; it stands still until it is moved on."""

    def __init__(self) -> None:
        self.seconds = 0

    def now(self) -> bytes:
        """GeneralizedTime."""
        return f"2026112812{self.seconds // 60:02}{self.seconds % 60:02}Z".encode()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all processes in a test."""
    made = Clock()
    monkeypatch.setattr("cardcore.directory.pkcs15.token.now", made.now)
    return made


@pytest.fixture(params=["gids", "isoapplet"])
def dated(request: pytest.FixtureRequest, clock: Clock) -> SoftCard:
    """A card that counts or dates its changes, with a key and a certificate that were made some time ago."""
    soft = new_card(request.param, "1")
    with opened(soft, cached=False) as (card, _):
        card.verify(PIN)
        card.write_certificate("1", certificate(rsa_key(card)))
    clock.seconds += 10
    return soft


def rsa_key(card: Card) -> rsa.RSAPublicKey:
    found = card.public_key("1")
    assert isinstance(found, rsa.RSAPublicKey)
    return found


def check(public: object, signature: bytes) -> None:
    """Verify a signature in software."""
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, MESSAGE, oracle.PKCS1v15(), HASHES["sha256"])
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature, MESSAGE, ec.ECDSA(HASHES["sha256"]))


# Types of keys


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


# Certificates


def test_a_certificate_is_read_once(dated: SoftCard) -> None:
    counts = []
    for _ in range(3):
        with opened(dated) as (card, transport):
            (found,) = card.certificates().values()
            assert found.public_key() == rsa_key(card)
            counts.append(transport.count)
    with opened(dated, cached=False) as (card, transport):
        assert list(card.certificates().values()) == [found]
        rsa_key(card)
        assert counts[1] == counts[2] < transport.count


@pytest.mark.parametrize("gone", [False, True])
def test_a_certificate_that_others_replaced_or_deleted_is_read_anew(
    dated: SoftCard, clock: Clock, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    with opened(dated) as (card, _):
        before = card.certificate("1")
    with elsewhere(dated, monkeypatch, admin=False) as other:
        if gone:
            other.delete_certificate("1")
        else:
            other.write_certificate("1", certificate(rsa_key(other)))
        now = other.certificate("1")
    for _ in range(2):
        clock.seconds += 10
        with opened(dated) as (card, _):
            assert card.certificate("1") == now != before


def test_a_change_in_the_same_second_is_seen(dated: SoftCard, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cardcore.directory.pkcs15.token._later", lambda _: clock.now())  # as other programs do
    with elsewhere(dated, monkeypatch, admin=False) as other:
        other.write_certificate("1", certificate(rsa_key(other)))
    with opened(dated) as (card, _):
        before = card.certificate("1")
    with elsewhere(dated, monkeypatch, admin=False) as other:
        other.write_certificate("1", certificate(rsa_key(other)))
    with opened(dated) as (card, _):
        assert card.certificate("1") != before


def test_another_card_with_the_same_serial_number_is_another_card(clock: Clock) -> None:
    cards = []
    for _ in range(2):
        soft = volatile_card("gids", cost=COST, blank=True)
        with opened(soft, cached=False) as (card, _):
            card.initialise(pin=PIN, admin=ADMIN, serial=bytes(16))
            card.verify(PIN)
            card.generate("1", "rsa2048")
            card.write_certificate("1", certificate(rsa_key(card)))
        cards.append(soft)
    seen = []
    for soft in cards * 2:
        with opened(soft) as (card, _):
            assert card.serial() == "00" * 16
            seen.append(card.certificate("1"))
    assert seen[0] == seen[2] != seen[1] == seen[3]


def test_what_is_read_after_the_pin_is_neither_kept_nor_taken(dated: SoftCard) -> None:
    with opened(dated) as (card, _):
        card.verify(PIN)
        found = card.certificate("1")
    assert found is not None
    assert not files()


def test_a_damaged_certificate_that_was_kept_is_told_as_one(dated: SoftCard) -> None:
    """The file's hash keeps accidents out; what was on the card as rubbish stays rubbish."""
    with opened(dated) as (card, _):
        card.certificate("1")
    (path,) = files()
    path.write_bytes(path.read_bytes()[:-1])
    with opened(dated) as (card, _):
        assert card.certificate("1") is not None


@pytest.mark.parametrize("application", ["piv", "openpgp"])
def test_a_card_that_counts_no_changes_is_read_each_time(application: str) -> None:
    soft = volatile_card(application, cost=COST)
    for _ in range(2):
        with opened(soft) as (card, _):
            assert card.certificates() == {}
    assert not files()
