"""Many readers at once: software cards and readers that come and go, pilots, ends, failures of the program itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import pytest

from cardcore.personalise.dispatch import OneStation
from cardcore.personalise.events import CardDone, ReaderStopped, RunEnded, RunStarted, TakeOut
from cardcore.personalise.lanes import Connect
from cardcore.personalise.reader_sources import SoftReaders
from cardcore.personalise.runner import Runner
from cardcore.softcard import Secrets, SoftCard, volatile_card
from cardcore.transport.base import Transport
from cardcore.transport.faults import FaultKind, FaultPlan, FaultTransport
from cardcore.transport.readers import ReaderState
from cardcore.transport.soft import SoftTransport
from tests.unit.personalise.bureau import QUICK, Bureau, fresh
from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.plans import folder_of
from tests.unit.personalise.small_plans import SMALL

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER)


def bureau_for(folder: Path, holders: int) -> Bureau:
    """A bureau with so many holders."""
    rows = [f"{number},Holder {number},h{number}@example.org" for number in range(holders)]
    return Bureau(folder_of(folder, SMALL["piv"], "\n".join(["employee,name,mail", *rows, ""])))


def connecting(cards: dict[str, SoftCard]) -> Connect:
    """Connects to the card in a reader."""
    return lambda reader: SoftTransport(cards[reader], reader)


class Script:
    """Readers whose contents change each time somebody looks; the last state stays."""

    endless = True

    def __init__(self, *states: dict[str, int]) -> None:
        self._states = list(states)

    def now(self) -> Sequence[ReaderState]:
        """Readers with the number of the card in them; 0: none."""
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        return [ReaderState(name=name, present=card > 0, events=card) for name, card in state.items()]

    def close(self) -> None:
        """Nothing is open."""


def test_every_reader_works_at_once(tmp_path: Path) -> None:
    bureau = bureau_for(tmp_path, 6)
    cards = {f"soft:{number}": fresh() for number in range(6)}
    totals = Runner(bureau.job, SoftReaders(list(cards)), connecting(cards)).run()
    assert (totals.done, totals.holders) == (6, 6)
    assert len({event.holder for event in bureau.events if isinstance(event, CardDone)}) == 6
    assert sum(isinstance(event, TakeOut) and event.ok for event in bureau.events) == 6
    assert isinstance(bureau.events[0], RunStarted)
    assert isinstance(bureau.events[-1], RunEnded)


def test_a_pilot_ends_after_its_holders(tmp_path: Path) -> None:
    bureau = bureau_for(tmp_path, 3)
    object.__setattr__(bureau.job, "within", 1)
    source = Script({"A": 1})
    totals = Runner(bureau.job, source, connecting({"A": fresh()})).run()
    assert (totals.holders, totals.done) == (1, 1)


def test_cards_come_and_go_in_readers_that_come_and_go(tmp_path: Path) -> None:
    bureau = bureau_for(tmp_path, 2)
    cards = [fresh(), fresh()]
    handed = iter(cards)
    source = Script({}, {"A": 0}, {"A": 1}, {"A": 1}, {"A": 0}, {"A": 0, "B": 0}, {"A": 0, "B": 2})
    totals = Runner(bureau.job, source, lambda reader: SoftTransport(next(handed), reader)).run()
    assert totals.done == 2


def test_a_card_that_was_pulled_goes_on_in_another_reader(tmp_path: Path) -> None:
    bureau, card = bureau_for(tmp_path, 1), fresh()
    pulled = [True]

    def connect(reader: str) -> Transport:
        inner = SoftTransport(card, reader)
        return (
            FaultTransport(inner, FaultPlan(kind=FaultKind.REMOVED_AFTER, at=90)) if pulled and pulled.pop() else inner
        )

    class Watching(Script):
        """The second reader gets the card once the first has given it up."""

        def now(self) -> Sequence[ReaderState]:
            """The card in A, then in B."""
            gone = any(isinstance(event, TakeOut) for event in bureau.events)
            return [
                ReaderState(name="A", present=not gone, events=1),
                ReaderState(name="B", present=gone, events=1 if gone else 0),
            ]

    totals = Runner(bureau.job, Watching({}), connect).run()
    assert totals.done == 1


def test_a_refused_secret_stops_its_reader_and_not_the_others(tmp_path: Path) -> None:
    bureau = bureau_for(tmp_path, 3)
    changed = volatile_card("piv", Secrets(pin=b"654321"), blank=True, cost=QUICK)
    cards = {"soft:bad": changed, "soft:good": fresh(), "soft:better": fresh()}
    totals = Runner(bureau.job, SoftReaders(list(cards)), connecting(cards)).run()
    assert (totals.done, totals.parked) == (2, 1)
    assert [event.reader for event in bureau.events if isinstance(event, ReaderStopped)] == ["soft:bad"]


def test_what_is_wrong_with_the_program_ends_the_run_and_is_told(tmp_path: Path) -> None:
    bureau = bureau_for(tmp_path, 1)

    def connect(reader: str) -> Transport:
        raise ZeroDivisionError(reader)

    with pytest.raises(ZeroDivisionError):
        Runner(bureau.job, Script({"A": 1}), connect).run()
    assert isinstance(bureau.events[-1], RunEnded)


def test_a_run_is_ended_by_a_person(tmp_path: Path) -> None:
    bureau = bureau_for(tmp_path, 1)
    thread = Thread(target=Runner(bureau.job, Script({"A": 0}), connecting({})).run)
    thread.start()
    bureau.job.stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_run_in_which_everybody_has_a_card_ends_at_once(tmp_path: Path) -> None:
    bureau = bureau_for(tmp_path, 1)
    bureau.insert(fresh())
    assert Runner(bureau.job, Script({"A": 0}), connecting({})).run(resumed=True).done == 1


def test_a_station_ends_when_another_has_finished_the_last_card(tmp_path: Path) -> None:
    bureau = bureau_for(tmp_path, 1)
    object.__setattr__(bureau.job, "station", OneStation(bureau.journal, bureau.run.id))
    thread = Thread(target=Runner(bureau.job, Script({"A": 0}), connecting({})).run, daemon=True)
    thread.start()
    assert bureau.insert(fresh()).done
    thread.join(PATIENCE)
    assert not thread.is_alive()
