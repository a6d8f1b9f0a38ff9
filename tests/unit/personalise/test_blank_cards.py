"""Cards without a serial number: one that is pulled while it is initialised, and another that is put in instead."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path

import pytest

from cardcore.opening import open_on
from cardcore.personalise.dispatch import OneStation
from cardcore.personalise.events import CardRefused, Event, HolderAssigned, StepEnded
from cardcore.personalise.reasons import Refusal
from cardcore.personalise.records import CardRecord
from cardcore.personalise.states import CardState
from cardcore.personalise.steps import is_numbered
from cardcore.softcard import SoftCard
from cardcore.transport.base import Transport
from cardcore.transport.faults import CountingTransport, FaultKind, FaultPlan
from cardcore.transport.soft import SoftTransport
from tests.unit.personalise.audit import check_finished
from tests.unit.personalise.bureau import Bureau, fresh
from tests.unit.personalise.plans import folder_of
from tests.unit.personalise.small_plans import ONE, SMALL
from tests.unit.personalise.test_interruptions import faulty

BLANK = ("gids", "isoapplet")
TWO = ONE + "1002,Zoë Brown,zoe@example.org\n"


def bureau_in(folder: Path, application: str, holders: str) -> Bureau:
    """A bureau whose plan gives the cards their first secrets, and no keys, so that it is quickly done."""
    return Bureau(folder_of(folder, SMALL[application].partition("    keys:")[0], holders), unlock=True)


def initialising(folder: Path, application: str) -> range:
    """The exchanges in which a card is initialised, where nobody interrupts it."""
    bureau = bureau_in(folder, application, ONE)
    seen: list[CountingTransport] = []
    marks: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, HolderAssigned) or (isinstance(event, StepEnded) and event.step == "initialise"):
            marks.append(seen[0].count)

    def counted(inner: Transport) -> Transport:
        seen.append(CountingTransport(inner))
        return seen[0]

    object.__setattr__(bureau.job, "emit", listen)
    assert bureau.insert(fresh(application), counted).done
    bureau.close()
    return range(marks[0] + 1, marks[1] + 1)


def pulled(folder: Path, application: str, holders: str, first: int = 0) -> Iterator[tuple[Bureau, SoftCard]]:
    """For every other of these exchanges, from the `first`, a bureau in which a card was pulled after it; the card."""
    exchanges = initialising(folder / "whole", application)
    assert len(exchanges) > 20
    for at in exchanges[first::2]:
        bureau, card = bureau_in(folder / str(at), application, holders), fresh(application)
        assert not bureau.insert(card, partial(faulty, FaultPlan(kind=FaultKind.REMOVED_AFTER, at=at))).done
        yield bureau, card
        bureau.close()


def is_like_blank(bureau: Bureau) -> bool:
    """Whether another card may take the place of the one that was pulled."""
    (record,) = bureau.journal.cards(bureau.run.id, CardState.PARKED)
    return not is_numbered(bureau.journal.steps(record.id)["initialise"])


def check_all(bureau: Bureau, *cards: SoftCard) -> None:
    """Each of the cards is somebody's and finished, with its own serial number and secrets; and there are no others."""
    records = {record.serial: record for record in bureau.journal.cards(bureau.run.id, CardState.DONE)}
    assert len(records) == len({record.holder for record in records.values()}) == len(cards)
    for card in cards:
        with open_on(SoftTransport(card, "audit")) as opened:
            serial = opened.serial()
        check_finished(bureau, records.pop(serial), card)


@pytest.mark.slow
@pytest.mark.parametrize("application", BLANK)
def test_another_card_comes_first_and_neither_is_spent(in_memory: Path, application: str) -> None:
    for bureau, first in pulled(in_memory, application, TWO, first=1):
        second = fresh(application)
        for card in (second, first):
            assert bureau.insert(card, reader="B").done, bureau.events[-1]
        check_all(bureau, first, second)


@pytest.mark.slow
@pytest.mark.parametrize("application", BLANK)
def test_one_card_too_many_stays_as_good_as_it_was(in_memory: Path, application: str) -> None:
    """Nobody else waits: the other card takes the place of the first one, if that has no secret yet, or is refused."""
    taken = 0
    for bureau, first in pulled(in_memory, application, ONE):
        second = fresh(application)
        took = is_like_blank(bureau)
        assert bureau.insert(second, reader="B").done is took
        assert bureau.insert(first).done is not took
        (refused,) = (event for event in bureau.events if isinstance(event, CardRefused))
        assert refused.reason is Refusal.NO_HOLDER
        check_all(bureau, second if took else first)
        taken += took

        left = first if took else second
        following = Bureau(bureau.plan.file, unlock=True, run="second")
        assert following.insert(left).done, following.events[-1]
        check_all(following, left)
        following.close()
    assert taken > 5


class Overtaken(OneStation):
    """Another reader gives the holder a blank card just before this one goes on with his."""

    def __init__(self, bureau: Bureau) -> None:
        super().__init__(bureau.journal, bureau.run.id)
        self._others = bureau.journal

    def take_up(self, card: CardRecord, reader: str) -> CardRecord:
        """Too late."""
        self._others.take_over(card, "00" * 16, reader="B")
        return super().take_up(card, reader)


@pytest.mark.parametrize("application", BLANK)
def test_a_card_whose_place_was_taken_meanwhile_is_the_next_holders(in_memory: Path, application: str) -> None:
    for bureau, card in chain.from_iterable(pulled(in_memory / f"from-{n}", application, TWO, n) for n in (0, 1)):
        with open_on(SoftTransport(card, "look")) as opened:
            told = opened.serial()
        if told and is_like_blank(bureau):
            object.__setattr__(bureau.job, "station", Overtaken(bureau))
            assert bureau.insert(card).done
            (record,) = bureau.journal.cards(bureau.run.id, CardState.DONE)
            assert (record.holder, record.serial) == ("1002", told)
            check_finished(bureau, record, card)
            return
    raise AssertionError("no card tells its serial number before that is noted")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("application", BLANK)
def test_as_many_cards_as_holders_are_enough_whatever_is_pulled(in_memory: Path, application: str, seed: int) -> None:
    """Four readers at once; each card is pulled five times, anywhere, before all of them are left in."""
    chance = random.Random(seed)  # noqa: S311 - which command is the last is no secret
    rows = "".join(f"{1000 + number},Holder {number},h{number}@example.org\n" for number in range(4))
    bureau = bureau_in(in_memory / "plan", application, "employee,name,mail\n" + rows)
    cards = {f"R{number}": fresh(application) for number in range(4)}

    def put_in(reader: str, at: int) -> bool:
        plan = FaultPlan(kind=FaultKind.REMOVED_AFTER, at=at)
        return bureau.insert(cards[reader], partial(faulty, plan), reader).done

    with ThreadPoolExecutor(len(cards)) as pool:
        for _ in range(5):
            list(pool.map(put_in, cards, [chance.randint(30, 140) for _ in cards]))
        for _ in range(2):  # a card that met another one taking its holder is put in once more
            ended = list(pool.map(put_in, cards, [1_000_000] * len(cards)))
    assert all(ended), bureau.events[-8:]
    check_all(bureau, *cards.values())
    bureau.close()
