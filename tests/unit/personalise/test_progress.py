"""What an operator sees of a run, from its events alone."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from cardcore.cli import personalise_view
from cardcore.cli.personalise_view import clock, doing, live_view, picture, totals
from cardcore.personalise.events import (
    CardDone,
    CardInserted,
    CardParked,
    CardRefused,
    Event,
    HolderAssigned,
    ReaderStopped,
    RunStarted,
    StepEnded,
    StepStarted,
    TakeOut,
    Waiting,
)
from cardcore.personalise.progress import Progress, ReaderLine, ReaderState, Snapshot
from cardcore.personalise.reasons import Reason, Refusal

READER = "Reader 1"
START = 1_000_000.0


def started(holders: int = 10, done: int = 0) -> RunStarted:
    return RunStarted(at=START, run="1", plan="Staff", holders=holders, done=done, resumed=bool(done))


def assigned(card: int = 1, at: float = START + 2, *, resumed: bool = False) -> HolderAssigned:
    return HolderAssigned(
        at=at, reader=READER, holder=f"h{card}", card=card, serial=f"s{card}", profile="p", steps=9, resumed=resumed
    )


def finished(card: int, at: float) -> CardDone:
    return CardDone(at=at, reader=READER, holder=f"h{card}", card=card, serial=f"s{card}", seconds=5.0, apdus=60)


def parked(card: int = 1) -> CardParked:
    return CardParked(
        at=START + 9,
        reader=READER,
        holder=f"h{card}",
        card=card,
        serial=f"s{card}",
        reason=Reason.CARD_REMOVED,
        detail="the card was taken out",
        advice="Insert it again.",
        continues=True,
    )


def told(*events: Event, now: float = START + 10) -> Snapshot:
    progress = Progress()
    for event in events:
        progress(event)
    return progress.snapshot(now)


def line(*events: Event) -> ReaderLine:
    (only,) = told(started(), *events).readers
    return only


def test_a_card_from_insertion_to_the_end() -> None:
    inserted = CardInserted(at=START + 1, reader=READER)
    events: list[Event] = [inserted]
    assert (line(*events).state, line(*events).since) == (ReaderState.READING, START + 1)
    events += [assigned(), StepStarted(at=START + 3, reader=READER, card=1, step="generate 9a", number=2)]
    at_work = line(*events)
    assert (at_work.state, at_work.holder, at_work.step, at_work.number) == (
        ReaderState.WORKING,
        "h1",
        "generate 9a",
        2,
    )
    assert (at_work.since, at_work.step_since) == (START + 1, START + 3)
    assert doing(at_work) == " 2/9 generate 9a"
    events += [StepEnded(reader=READER, card=1, step="generate 9a", number=2, seconds=1.0, apdus=3)]
    events += [finished(1, START + 8), TakeOut(reader=READER, ok=True)]
    ended = line(*events)
    assert (ended.state, ended.failed, ended.finished, doing(ended)) == (ReaderState.TAKE_OUT, False, 1, "take out")
    assert line(*events, CardInserted(at=START + 20, reader=READER)).finished == 1


def test_what_goes_wrong_is_told_with_its_advice() -> None:
    refused = CardRefused(
        reader=READER, serial="s7", reason=Refusal.HOLDS_KEYS, detail="It holds keys.", advice="Reset it."
    )
    assert line(refused).detail == "refused: It holds keys. Reset it."
    assert line(assigned(), parked()).detail == "parked: the card was taken out Insert it again."
    stopped = line(ReaderStopped(reader=READER, detail="Wrong PIN.", advice="Correct the plan."))
    assert (stopped.state, stopped.failed, stopped.detail) == (
        ReaderState.STOPPED,
        True,
        "Wrong PIN. Correct the plan.",
    )
    waits = line(
        assigned(), Waiting(reader=READER, card=1, step="order 9a", seconds=5.0, detail="The issuer is silent.")
    )
    assert (waits.state, doing(waits)) == (ReaderState.WAITING, " 0/9 waits: ")


def test_the_run_is_counted() -> None:
    snapshot = told(started(10, done=4), assigned(1), parked(1), assigned(2), finished(2, START + 9))
    assert (snapshot.holders, snapshot.done, snapshot.parked) == (10, 5, 1)
    again = told(started(10), assigned(1), parked(1), assigned(1, resumed=True), finished(1, START + 9))
    assert (again.done, again.parked) == (1, 0)


def test_no_pace_is_made_up() -> None:
    two = told(started(), finished(1, START + 10), finished(2, START + 20), now=START + 20)
    assert (two.per_hour, two.seconds_left) == (None, None)
    assert totals(two) == "2 of 10 done · 0:20"


def test_the_pace_is_that_of_the_last_cards() -> None:
    slow = [finished(card, START + 100.0 * card) for card in range(1, 11)]
    fast = [finished(10 + card, START + 1000 + 10.0 * card) for card in range(1, 21)]
    snapshot = told(started(100), *slow, *fast, now=START + 1200)
    assert snapshot.per_hour == pytest.approx(360)
    assert snapshot.seconds_left == pytest.approx(700)
    assert totals(snapshot) == "30 of 100 done · 20:00 · 360 cards/h · about 11:40 left"


def test_events_before_the_run_and_without_a_reader() -> None:
    assert told(now=START).elapsed == 0.0
    assert told(started(0)).readers == ()


def test_the_picture() -> None:
    console = Console(file=StringIO(), width=120, record=True)
    snapshot = told(
        started(10, done=3),
        CardInserted(at=START + 1, reader=READER),
        assigned(),
        StepStarted(at=START + 3, reader=READER, card=1, step="generate [9a]", number=2),
    )
    console.print(picture(snapshot, START + 66))
    shown = console.export_text()
    assert "generate [9a]" in shown
    assert "1:05" in shown
    assert "3 of 10 done" in shown
    assert shown.count("█") == 9


def test_the_live_view_rings_when_a_card_is_to_be_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=100)
    monkeypatch.setattr(personalise_view, "time", lambda: START + 10)
    with live_view(console) as listen:
        listen(started())
        before = written.getvalue().count("\a")
        listen(finished(1, START + 5))
        listen(TakeOut(reader=READER, ok=True))
    assert before == 0
    assert written.getvalue().count("\a") == 1
    assert "1 of 10 done" in written.getvalue()


@pytest.mark.parametrize(("seconds", "shown"), [(-1, "0:00"), (65, "1:05"), (3723, "1:02:03")])
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
