"""`cardcore personalise retry` for several cards: which, what is told of each, how it ends."""

from __future__ import annotations

import pytest

from cardcore.cli.personalise_retry import REASONS
from cardcore.personalise.journal import Journal
from cardcore.personalise.reasons import Reason
from cardcore.personalise.records import CardRecord, Enrolment
from tests.unit.cli.shell import Ended, Shell
from tests.unit.cli.test_documents import assert_documented

FAILED, USAGE = 1, 2
PARKED = {
    "c1": Reason.CARD_FAILED,
    "c2": Reason.PLAN_FAILED,
    "c3": Reason.UNKNOWN_OUTCOME,
    "c4": Reason.CARD_REMOVED,
    "c5": None,
}


@pytest.fixture
def bureau(shell: Shell) -> Shell:
    """A journal beside a plan that nobody reads: four parked cards and one in a reader, each at its own station."""
    with Journal.open(shell.folder / "staff.journal") as journal:
        run = journal.begin("staff", plan="staff.yaml", digest="00" * 32)
        journal.enrol(run.id, [Enrolment(holder=f"100{serial[1]}", record={}) for serial in PARKED])
        for serial, reason in PARKED.items():
            card = journal.claim(run.id, "piv", serial, reader="A", station=f"desk-{serial}")
            assert card is not None
            park(journal, card, reason)
    return shell


def park(journal: Journal, card: CardRecord, reason: Reason | None) -> None:
    """Put a card aside; without a reason it stays in its reader."""
    if reason is not None:
        with journal.change() as change:
            change.parked(card.id, reason, "what happened")


def retry(bureau: Shell, *arguments: str, stdin: bytes = b"") -> Ended:
    return bureau("--json", "personalise", "retry", "staff.yaml", *arguments, stdin=stdin)


def answers(ended: Ended) -> dict[str, str]:
    """What became of each card."""
    return {card["asked"]: card["answer"] for card in ended.json["cards"]}


def let_go(bureau: Shell) -> list[str]:
    """The cards that go on by somebody's decision, as `status` tells."""
    (run,) = bureau("--json", "personalise", "status", "staff.yaml").json["runs"]
    return [card["serial"] for card in run["cards"] if card["reason"] == "let-go-on"]


def test_the_reasons_to_choose_from_are_those_of_the_library() -> None:
    assert set(REASONS) == set(Reason)


def test_a_box_of_cards(bureau: Shell) -> None:
    rehearsed = retry(bureau, "--all", "--dry-run")
    assert rehearsed.status == 0
    assert answers(rehearsed) == {"c1": "goes-on", "c2": "goes-on", "c3": "left"}
    assert let_go(bureau) == []
    ended = retry(bureau, "--all")
    assert_documented("personalise retry: several cards", ended.json)
    assert {**rehearsed.json, "dry_run": False} == ended.json
    assert [ended.json[name] for name in ("go_on", "left", "refused")] == [2, 1, 0]
    assert let_go(bureau) == ["c1", "c2"]


def test_people_read_a_line_for_each(bureau: Shell) -> None:
    said = bureau("personalise", "retry", "staff.yaml", "--all", "--dry-run").out.splitlines()
    assert [line.split()[:3] for line in said[1:3]] == [["c1", "1001", "card-failed"], ["c2", "1002", "plan-failed"]]
    assert said[1].endswith("  would go on")
    assert "left as it is: The card has one of two secrets" in said[3]
    assert said[4] == "2 cards would go on when inserted in a run"
    said = bureau("personalise", "retry", "staff.yaml", "c1", "c2").out.splitlines()
    assert said[1].endswith("  goes on")
    assert said[-1] == "2 cards go on when inserted in a run"
    none = bureau("personalise", "retry", "staff.yaml", "--reason", "tries-spent")
    assert (none.status, none.out) == (0, "there is no such card in the run staff; nothing was done\n")


@pytest.mark.parametrize(
    ("arguments", "gone"),
    [
        (("--reason", "card-failed"), ["c1"]),
        (("--reason", "card-failed", "--reason", "card-removed"), ["c1", "c4"]),
        (("--station", "desk-c2"), ["c2"]),
        (("--station", "desk-c2", "--station", "desk-c3"), ["c2"]),
        (("--station", "desk-c3", "--reason", "unknown-outcome"), ["c3"]),
        (("--holder", "1004"), ["c4"]),
        (("C1", "--holder", "1001", "c2"), ["c1", "c2"]),
    ],
)
def test_who_is_chosen(bureau: Shell, arguments: tuple[str, ...], gone: list[str]) -> None:
    assert retry(bureau, *arguments).status == 0
    assert let_go(bureau) == gone


def test_one_that_cannot_go_on_holds_up_no_other(bureau: Shell) -> None:
    ended = retry(bureau, "c1", "c5", "c9", "c2")
    assert (ended.status, ended.error["code"]) == (FAILED, "input")
    assert ended.error["message"] == "2 of 4 cards cannot go on"
    assert answers(ended) == {"c1": "goes-on", "c5": "refused", "c9": "refused", "c2": "goes-on"}
    notes = {card["asked"]: card["note"] for card in ended.json["cards"]}
    assert (notes["c5"], notes["c9"]) == ("it is in a reader", "the run has no such card")
    assert let_go(bureau) == ["c1", "c2"]


def test_numbers_from_a_scanner(bureau: Shell) -> None:
    ended = retry(bureau, "-", stdin=b"c1\r\n\n  C2\nc1\n")
    assert ended.status == 0
    assert answers(ended) == {"c1": "goes-on", "C2": "goes-on"}
    assert let_go(bureau) == ["c1", "c2"]
    assert retry(bureau, "-", stdin=b"").json["cards"] == []
    for wrong in (b"c4\n\xff\n", b"c4\n\x1b[2J\n"):
        assert retry(bureau, "-", stdin=wrong).error["code"] == "input"
    assert let_go(bureau) == ["c1", "c2"], "nothing is done by a list that cannot be read"


def test_a_single_card_is_told_of_as_ever(bureau: Shell) -> None:
    ended = retry(bureau, "c1")
    assert_documented("personalise retry", ended.json)
    assert (ended.json["serial"], ended.json["reason"]) == ("c1", "let-go-on")
    for serial, said in (("c5", "is not parked"), ("c9", "has no card c9")):
        wrong = retry(bureau, serial)
        assert wrong.status == FAILED
        assert said in wrong.error["message"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), USAGE, "which cards?"),
        (("c1", "--all"), USAGE, "either named or chosen"),
        (("--holder", "1001", "--reason", "card-failed"), USAGE, "either named or chosen"),
        (("c1", "--station", "desk-c1"), USAGE, "either named or chosen"),
        (("--all", "--reason", "card-failed"), USAGE, "exclude each other"),
        (("--reason", "bad-luck"), USAGE, "bad-luck"),
        (("--station", "desk-c9"), FAILED, "station desk-c9"),
        (("--all", "--run", "other"), FAILED, "no run other"),
    ],
)
def test_refusals(bureau: Shell, arguments: tuple[str, ...], status: int, said: str) -> None:
    ended = retry(bureau, *arguments)
    assert ended.status == status
    assert said in ended.error["message"]
    assert let_go(bureau) == []
