"""Certificates that one process remembers for the next: read once, and never shown when the card has others."""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from pathlib import Path

import pytest

from cardcore import cache, opening
from cardcore.card import Card
from cardcore.errors import CardRemoved
from cardcore.softcard import SoftCard, SoftCardStore, volatile_card
from cardcore.transport.faults import FaultKind, FaultPlan, FaultTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.core.remembering import elsewhere, files, opened, rsa_key
from tests.unit.core.softpiv import ADMIN, COST, PIN, certificate


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
def application(request: pytest.FixtureRequest) -> str:
    """A family whose cards count or date their changes."""
    name: str = request.param
    return name


@pytest.fixture
def dated(application: str, clock: Clock) -> SoftCard:
    """A card that counts or dates its changes, with a key and a certificate that were made some time ago."""
    soft = volatile_card(application, cost=COST)
    with opened(soft, cached=False) as (card, _):
        issue(card)
    clock.seconds += 10
    return soft


def issue(card: Card) -> None:
    """Make a key and its certificate."""
    card.verify(PIN)
    card.generate("1", "rsa2048")
    card.write_certificate("1", certificate(rsa_key(card)))


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


def test_a_change_that_was_cut_off_anywhere_is_seen(
    application: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine loses the card in the middle of writing; what is shown here is what the card then holds."""
    store = SoftCardStore(tmp_path / "cards")
    store.create("cut", application, cost=COST)
    with opened(store.open("cut"), cached=False) as (card, _):
        issue(card)
    clock.seconds += 10
    (path,) = [info.path for info in store.list()]
    content = path.read_bytes()
    seen = set()
    for number in itertools.count(1):
        path.write_bytes(content)
        cache.clear()  # a card does not go back in time
        with opened(store.open("cut")) as (card, _):
            before, new = card.certificate("1"), certificate(rsa_key(card))
        plan = FaultPlan(kind=FaultKind.REMOVED_AFTER, at=number)
        cut_off = FaultTransport(SoftTransport(store.open("cut"), "cut"), plan)
        with monkeypatch.context() as there, suppress(CardRemoved):
            there.setenv("XDG_CACHE_HOME", os.environ["XDG_CACHE_HOME"] + "-elsewhere")
            with opening.open_on(cut_off, cached=True) as other:
                other.verify(PIN)
                other.write_certificate("1", new, force=True)
        clock.seconds += 10
        read = []
        for cached in (True, True, False):
            with opened(store.open("cut"), cached=cached) as (card, _):
                read.append(card.certificate("1"))
        assert read[0] == read[1] == read[2], number
        seen.add("old" if read[2] == before else "new" if read[2] == new else "other")
        if cut_off.count < number:
            break
    assert {"old", "new"} <= seen
    assert read[2] == new


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
