"""Parked cards that a person lets go on, by name or by what they wait for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cardcore.errors import InputError
from cardcore.personalise.journal import Journal
from cardcore.personalise.reasons import PARKINGS, Reason
from cardcore.personalise.records import CardRecord, Enrolment, Run
from cardcore.personalise.retrying import Answer, Asked, Verdict, chosen, let_go_on, named
from cardcore.personalise.states import CardState

PARKED = {
    "p1": Reason.CARD_FAILED,
    "p2": Reason.CARD_FAILED,
    "p3": Reason.PLAN_FAILED,
    "p4": Reason.UNKNOWN_OUTCOME,
    "p5": Reason.CARD_REMOVED,
}
ENDED = {"e1": CardState.UNDONE, "e2": CardState.REPLACED}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A run with a card in every state; odd ones were at desk-1, even ones at desk-2."""
    with Journal.open(tmp_path / "journal.db") as opened:
        run = opened.begin("staff", plan="staff.yaml", digest="00" * 32)
        serials = [*PARKED, "w1", "d1", "a1", *ENDED]
        opened.enrol(run.id, [Enrolment(holder=f"h-{serial}", record={}) for serial in (*serials, "nobody")])
        for serial in serials:
            station = "desk-1" if int(serial[1]) % 2 else "desk-2"
            card = opened.claim(run.id, "piv", serial, reader="A", station=station)
            assert card is not None
            happen(opened, card)
        yield opened


def happen(journal: Journal, card: CardRecord) -> None:
    """What becomes of a card, by its serial number."""
    serial = card.serial
    with journal.change() as change:
        if serial in PARKED:
            change.parked(card.id, PARKED[serial], f"why {serial}")
        elif serial == "w1":
            change.parked(card.id, Reason.CERTIFICATE_PENDING, "not yet")
        elif serial == "d1":
            change.finished(card.id)
        elif serial in ENDED:
            change.ended(card.id, ENDED[serial], "x")


def run_of(journal: Journal) -> Run:
    return journal.run("staff")


def told(verdicts: list[Verdict]) -> dict[str, Answer]:
    return {one.name: one.answer for one in verdicts}


def let_go(journal: Journal) -> list[str]:
    """The serial numbers of the cards that somebody has let go on."""
    return [card.serial for card in journal.cards() if card.reason is Reason.LET_GO_ON]


def test_named_ones_each_for_itself(journal: Journal) -> None:
    """What cannot go on says why, and holds up nothing else; a card that is named twice is one."""
    asked = named(
        journal, run_of(journal), ["P1", "p4", "d1", "a1", "w1", "e1", "x9", "p1"], ["h-p5", "nobody", "h-e1"]
    )
    verdicts = list(let_go_on(journal, asked))
    assert let_go(journal) == ["p1", "p4", "p5"]
    assert [(one.name, one.answer) for one in verdicts[:2]] == [("P1", Answer.GOES_ON), ("p4", Answer.GOES_ON)]
    assert told(verdicts)["h-p5"] is Answer.GOES_ON
    refused = {one.name: one.note for one in verdicts if one.answer is Answer.REFUSED}
    assert {name: note.split(";")[0] for name, note in refused.items()} == {
        "d1": "it is finished",
        "a1": "it is in a reader",
        "w1": "it waits for its certificate, and goes on by itself",
        "e1": "it was reset",
        "x9": "the run has no such card",
        "nobody": "no card was begun for this holder",
        "h-e1": "it counts no longer",
    }
    assert len(verdicts) == 10
    first = verdicts[0]
    assert (first.was, first.note) == (Reason.CARD_FAILED, "")
    assert first.card is not None
    assert (first.card.reason, first.card.detail) == (Reason.LET_GO_ON, "why p1")
    assert verdicts[1].note == PARKINGS[Reason.UNKNOWN_OUTCOME].advice, "it goes on, but that may not help"


def test_all_are_those_that_a_decision_helps(journal: Journal) -> None:
    """One that needs something else is told too, and stays; those that go on by themselves need no decision."""
    verdicts = list(let_go_on(journal, chosen(journal, run_of(journal))))
    assert told(verdicts) == {
        "p1": Answer.GOES_ON,
        "p2": Answer.GOES_ON,
        "p3": Answer.GOES_ON,
        "p4": Answer.LEFT,
    }
    assert "settle" in verdicts[-1].note
    assert let_go(journal) == ["p1", "p2", "p3"]
    again = list(let_go_on(journal, chosen(journal, run_of(journal))))
    assert told(again) == {"p4": Answer.LEFT}


def test_by_reason_and_station(journal: Journal) -> None:
    run = run_of(journal)
    failed = frozenset({Reason.CARD_FAILED})
    assert [one.name for one in chosen(journal, run, failed)] == ["p1", "p2"]
    assert [one.name for one in chosen(journal, run, failed, frozenset({"desk-2"}))] == ["p2"]
    assert [one.name for one in chosen(journal, run, frozenset(), frozenset({"desk-1", "desk-2"}))] == [
        *("p1", "p2", "p3", "p4")
    ]
    both = frozenset({Reason.UNKNOWN_OUTCOME, Reason.CARD_REMOVED})
    assert [(one.name, one.meant) for one in chosen(journal, run, both)] == [("p4", True), ("p5", True)]
    assert chosen(journal, run, frozenset({Reason.TRIES_SPENT})) == []
    waiting = chosen(journal, run, frozenset({Reason.CERTIFICATE_PENDING}))
    assert told(list(let_go_on(journal, waiting))) == {"w1": Answer.REFUSED}
    with pytest.raises(InputError, match="station desk-9") as raised:
        chosen(journal, run, frozenset(), frozenset({"desk-9"}))
    assert "desk-1, desk-2" in raised.value.hint


def test_a_rehearsal_changes_nothing(journal: Journal) -> None:
    asked = chosen(journal, run_of(journal))
    rehearsed = list(let_go_on(journal, asked, dry_run=True))
    assert let_go(journal) == []
    assert told(rehearsed) == told(list(let_go_on(journal, asked)))
    assert [one.card.reason for one in rehearsed if one.card][:1] == [Reason.LET_GO_ON]


def test_one_that_a_station_takes_up_meanwhile(journal: Journal) -> None:
    asked = named(journal, run_of(journal), ["p5", "p1"])
    card = asked[0].card
    assert card is not None
    journal.take_up(card, reader="B", station="desk-3")
    verdicts = list(let_go_on(journal, asked))
    assert told(verdicts) == {"p5": Answer.REFUSED, "p1": Answer.GOES_ON}
    assert verdicts[0].note == "it is in a reader"


def test_a_run_without_stations(journal: Journal) -> None:
    run = journal.begin("other", plan="other.yaml", digest="00" * 32)
    with pytest.raises(InputError, match="station desk-1"):
        chosen(journal, run, frozenset(), frozenset({"desk-1"}))
    assert named(journal, run, ["p1"]) == [Asked(name="p1", card=None, absent="the run has no such card")]


def test_what_helps_is_what_the_advice_says() -> None:
    assert {one for one, parking in PARKINGS.items() if parking.retry} == {
        one for one, parking in PARKINGS.items() if "retry" in parking.advice
    }
    assert not any(parking.retry and parking.continues for parking in PARKINGS.values())
