"""The journal: who gets which card, in one transaction; what the database itself forbids; what is on the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cardcore.errors import InputError
from cardcore.personalise.changes import JournalConflict
from cardcore.personalise.holding import Hold, NotHeld
from cardcore.personalise.journal import Journal
from cardcore.personalise.journal_file import StoreError
from cardcore.personalise.reasons import Reason, Refusal
from cardcore.personalise.records import CardRecord, Enrolment, Run
from cardcore.personalise.states import CardState, CertificateState, HolderState, SecretState, StepState


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal in a file."""
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


def begun(journal: Journal, *holders: str, name: str = "first") -> Run:
    """A run with these holders."""
    run = journal.begin(name, plan="badges.yaml", digest="00" * 32)
    journal.enrol(run.id, [Enrolment(holder=holder, record={"name": holder}) for holder in holders])
    return run


def claimed(journal: Journal, run: Run, serial: str = "1", profile: str = "demo") -> CardRecord:
    """A card that becomes the next holder's."""
    card = journal.claim(run.id, profile, serial, reader="A")
    assert card is not None
    return card


def test_holders_get_cards_in_order(journal: Journal) -> None:
    run = begun(journal, "anna", "bert")
    assert [claimed(journal, run, serial).holder for serial in ("1", "2")] == ["anna", "bert"]
    assert journal.claim(run.id, "demo", "3", reader="A") is None
    assert journal.totals(run.id).assigned == 2


def test_a_card_is_nobody_elses(journal: Journal) -> None:
    run = begun(journal, "anna", "bert")
    other = begun(journal, "carl", name="second")
    claimed(journal, run, "7")
    for again in (run, other):
        with pytest.raises(JournalConflict):
            journal.claim(again.id, "demo", "7", reader="B")
    assert journal.holder(run.id, "bert").state is HolderState.WAITING
    assert claimed(journal, run, "7", profile="another").holder == "bert"


def test_the_database_itself_knows_one_card_per_holder(journal: Journal, tmp_path: Path) -> None:
    run = begun(journal, "anna")
    claimed(journal, run)
    with sqlite3.connect(tmp_path / "journal.db") as direct, pytest.raises(sqlite3.IntegrityError):
        direct.execute(
            "insert into cards (run, holder, attempt, profile, serial, live_serial, live_holder, state, claimed_at,"
            " touched_at) values (?, 'anna', 2, 'demo', '2', 'demo:2', 'anna', 'active', 0, 0)",
            (run.id,),
        )
    direct.close()


def test_many_threads_never_share_a_holder(journal: Journal) -> None:
    run = begun(journal, *(f"h{number}" for number in range(60)))
    with ThreadPoolExecutor(8) as pool:
        cards = list(pool.map(lambda number: claimed(journal, run, str(number)), range(60)))
    assert len({card.holder for card in cards}) == len({card.id for card in cards}) == 60
    assert journal.claim(run.id, "demo", "60", reader="A") is None


def test_a_holder_waits_for_the_right_kind_of_card(journal: Journal) -> None:
    run = journal.begin("first", plan="p", digest="")
    journal.enrol(
        run.id,
        [
            Enrolment(holder="anna", record={}, profiles=frozenset({"one", "two"})),
            Enrolment(holder="bert", record={}, profiles=frozenset({"t_o"})),
            Enrolment(holder="carl", record={}),
        ],
    )
    assert claimed(journal, run, "1", profile="three").holder == "carl"
    assert journal.claim(run.id, "three", "2", reader="A") is None
    assert claimed(journal, run, "3", profile="two").holder == "anna"
    assert journal.claim(run.id, "two", "4", reader="A") is None


def test_a_pilot_counts_the_first_holders_only(journal: Journal) -> None:
    run = begun(journal, "anna", "bert", "carl")
    assert journal.claim(run.id, "demo", "1", reader="A", within=1) is not None
    assert journal.claim(run.id, "demo", "2", reader="A", within=1) is None
    assert journal.totals(run.id, within=2).holders == 2


def test_holders_are_enrolled_again(journal: Journal) -> None:
    run = begun(journal, "anna", "bert")
    card = claimed(journal, run)
    with journal.change() as change:
        change.finished(card.id)
    changed = [Enrolment(holder=holder, record={"name": "new"}) for holder in ("anna", "bert", "carl")]
    assert journal.enrol(run.id, changed) == 1
    assert journal.holder(run.id, "anna").record == {"name": "anna"}
    assert journal.holder(run.id, "bert").record == {"name": "new"}
    assert journal.holder(run.id, "carl").position == 2


def test_a_holder_twice_is_told(journal: Journal) -> None:
    run = journal.begin("first", plan="p", digest="")
    twice = [Enrolment(holder="anna", record={}), Enrolment(holder="anna", record={})]
    with pytest.raises(InputError, match="twice"):
        journal.enrol(run.id, twice)


def test_a_run_begins_once(journal: Journal) -> None:
    run = begun(journal)
    with pytest.raises(InputError, match="already"):
        journal.begin("first", plan="p", digest="")
    with pytest.raises(InputError, match="no run"):
        journal.run("second")
    assert [one.id for one in journal.runs()] == [run.id] == [journal.run("first").id]
    journal.end(run.id)
    assert journal.run("first").ended_at is not None


def test_a_step_is_there_before_and_after(journal: Journal, tmp_path: Path) -> None:
    card = claimed(journal, begun(journal, "anna"))
    with journal.change() as change:
        change.step_started(card.id, "generate:9a", 3)
    with Journal.open(tmp_path / "journal.db") as other:
        assert other.steps(card.id)["generate:9a"].state is StepState.STARTED
    with journal.change() as change:
        change.step_started(card.id, "generate:9a", 3)
        change.step_done(card.id, "generate:9a", seconds=1.5, apdus=4, result={"public": "00"})
    found = journal.steps(card.id)["generate:9a"]
    assert (found.state, found.seconds, found.apdus, found.result) == (StepState.DONE, 1.5, 4, {"public": "00"})


def test_a_step_is_not_done_twice(journal: Journal) -> None:
    card = claimed(journal, begun(journal, "anna"))
    with journal.change() as change:
        change.step_started(card.id, "verify", 1)
        change.step_done(card.id, "verify")
    with pytest.raises(JournalConflict), journal.change() as change:
        change.step_started(card.id, "verify", 1)
    with pytest.raises(JournalConflict), journal.change() as change:
        change.step_done(card.id, "verify")


def test_a_change_is_whole_or_not_at_all(journal: Journal) -> None:
    card = claimed(journal, begun(journal, "anna"))
    with pytest.raises(JournalConflict), journal.change() as change:
        change.settle(card.id, "puk", change.propose(card.id, "user", "random", b"envelope"))
    assert journal.secrets(card.id) == []


def test_secrets_are_proposed_and_settled(journal: Journal) -> None:
    card = claimed(journal, begun(journal, "anna"))
    with journal.change() as change:
        first = change.propose(card.id, "user", "random", b"one")
        second = change.propose(card.id, "user", "random", b"two")
        change.propose(card.id, "puk", "derived", None)
    assert (first, second) == (1, 2)
    with journal.change() as change:
        change.settle(card.id, "user", second)
    states = {(one.name, one.generation): one.state for one in journal.secrets(card.id)}
    assert states == {
        ("user", 1): SecretState.FORMER,
        ("user", 2): SecretState.CURRENT,
        ("puk", 1): SecretState.PROPOSED,
    }
    with pytest.raises(JournalConflict), journal.change() as change:
        change.settle(card.id, "admin", 1)


def test_a_key_is_on_one_card_only(journal: Journal) -> None:
    run = begun(journal, "anna", "bert")
    anna, bert = claimed(journal, run, "1"), claimed(journal, run, "2")
    with journal.change() as change:
        change.requested(anna.id, "9a", reference="first/anna/9a", request=b"r", public_key=b"k")
        change.requested(anna.id, "9d", reference="first/anna/9d", request=b"r", public_key=None)
        change.requested(bert.id, "9d", reference="first/bert/9d", request=b"r", public_key=None)
    with pytest.raises(JournalConflict, match="another card"), journal.change() as change:
        change.requested(bert.id, "9a", reference="first/bert/9a", request=b"r", public_key=b"k")


def test_a_certificate_waits_and_goes_on(journal: Journal) -> None:
    card = claimed(journal, begun(journal, "anna"))
    with journal.change() as change:
        change.requested(card.id, "9a", reference="first/anna/9a", request=b"r", public_key=b"k")
        change.ordered(card.id, "9a")
    with journal.change() as change:
        change.pending(card.id, "9a", "token", 12.0)
        change.parked(card.id, Reason.CERTIFICATE_PENDING, "not before noon")
    found = journal.certificates(card.id)["9a"]
    assert (found.state, found.token, found.ask_after) == (CertificateState.PENDING, "token", 12.0)
    assert journal.card(card.id).state is CardState.WAITING
    assert journal.take_up(journal.card(card.id), reader="B").reader == "B"


def test_an_undone_card_gives_its_holder_back(journal: Journal) -> None:
    run = begun(journal, "anna", "bert", "carl")
    card = claimed(journal, run, "1")
    with journal.change() as change:
        change.requested(card.id, "9a", reference="first/anna/9a", request=b"r", public_key=b"k")
        change.ordered(card.id, "9a")
        change.ended(card.id, CardState.UNDONE, "undone")
    assert journal.find("demo", "1") is None
    with pytest.raises(JournalConflict):
        journal.take_up(journal.card(card.id), reader="A")
    assert [one.revoke for one in journal.revocations(run.id)] == ["undone"]
    again = claimed(journal, run, "1")
    assert (again.holder, again.attempt) == ("anna", 2)
    assert [one.id for one in journal.cards(holder="anna")] == [card.id, again.id]


def test_a_person_decides_about_a_parked_card(journal: Journal) -> None:
    run = begun(journal, "anna")
    card = claimed(journal, run)
    with pytest.raises(InputError, match="not parked"):
        journal.retry(card.id)
    with journal.change() as change:
        change.parked(card.id, Reason.CARD_FAILED, "6F00")
    assert journal.retry(card.id).reason is Reason.LET_GO_ON
    assert journal.totals(run.id).parked == 1


def test_what_a_station_left_is_parked(journal: Journal) -> None:
    run = begun(journal, "anna", "bert")
    card = claimed(journal, run, "1")
    journal.claim(run.id, "demo", "2", reader="B", station="elsewhere")
    assert [one.id for one in journal.park_abandoned(run.id)] == [card.id]
    assert journal.card(card.id).reason is Reason.STOPPED
    assert [one.serial for one in journal.cards(run.id, CardState.ACTIVE)] == ["2"]


def test_refused_cards_are_recorded(journal: Journal) -> None:
    run = begun(journal)
    journal.refuse(run.id, reader="A", serial="9", reason=Refusal.HOLDS_KEYS, detail="key 9a")
    assert [(one.serial, one.reason) for one in journal.refused(run.id)] == [("9", Refusal.HOLDS_KEYS)]


def test_every_write_is_safe_on_the_disk(journal: Journal) -> None:
    with journal.store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


def test_each_commit_can_be_watched(tmp_path: Path) -> None:
    seen: list[str] = []
    with Journal.open(tmp_path / "journal.db", seen.append) as journal:
        begun(journal, "anna")
    assert seen == ["before", "after"] * 2


def test_a_place_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        Journal.open("nonsense://")
    (tmp_path / "file").write_bytes(b"this is no database at all" * 50)
    with pytest.raises(StoreError):
        Journal.open(tmp_path / "file")
    with pytest.raises(StoreError):
        Journal.open(tmp_path / "file" / "journal.db")


# A card in work, about which others decide


def test_what_others_decide_ends_the_work_on_a_card(journal: Journal) -> None:
    run = begun(journal, "anna")
    card = claimed(journal, run)
    hold = Hold(journal.store, card)
    with hold.change() as change:
        change.step_started(card.id, "key:1", 1)
    with journal.change() as change:
        change.parked(card.id, Reason.STATION_GONE, "nothing was heard of it")
    with pytest.raises(NotHeld), hold.change() as change:
        change.step_done(card.id, "key:1")
    with pytest.raises(NotHeld), hold.change() as change:
        change.finished(card.id)
    assert journal.card(card.id).state is CardState.PARKED
    assert journal.steps(card.id)["key:1"].state is StepState.STARTED


def test_who_takes_a_card_up_is_the_only_one_to_write(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the clock stands still, or goes back."""
    for module in ("journal", "holding", "changes"):
        monkeypatch.setattr(f"cardcore.personalise.{module}.time", lambda: 1000.0)
    card = claimed(journal, begun(journal, "anna"))
    first = Hold(journal.store, card)
    taken = journal.take_up(card, reader="B")
    with pytest.raises(JournalConflict):
        journal.take_up(card, reader="C")
    with pytest.raises(NotHeld), first.change() as change:
        change.parked(card.id, Reason.CARD_REMOVED, "pulled from the first reader")
    second = Hold(journal.store, taken)
    for number, name in enumerate(("key:1", "key:2")):
        with second.change() as change:
            change.step_started(card.id, name, number)
    assert journal.card(card.id).reader == "B"


def test_a_card_ends_once(journal: Journal) -> None:
    """Its holder has another one by then, which the database would not give up."""
    run = begun(journal, "anna")
    card = claimed(journal, run)
    with journal.change() as change:
        change.ended(card.id, CardState.REPLACED, "lost")
    claimed(journal, run, "2")
    with pytest.raises(JournalConflict), journal.change() as change:
        change.ended(card.id, CardState.UNDONE, "undone")
    assert journal.holder(run.id, "anna").state is HolderState.ASSIGNED


# The file


def test_one_program_at_a_time_runs_cards_with_a_file(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    with Journal.open(place) as first, Journal.open(place) as second:
        with first.store.alone(), pytest.raises(InputError, match="another program"), second.store.alone():
            pass
        with second.store.alone():
            assert second.runs() == []


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_deleted_while_it_is_used(tmp_path: Path, replaced: bool) -> None:
    """What would be written to it is lost, so nothing is done that would have to be written."""
    place = tmp_path / "journal.db"
    with Journal.open(place) as journal:
        run = begun(journal, "anna")
        place.rename(tmp_path / "elsewhere.db")
        if replaced:
            place.write_bytes(b"")
        with pytest.raises(StoreError, match="deleted or moved"):
            claimed(journal, run)


def test_who_is_named_no_more_gets_no_card(journal: Journal) -> None:
    run = begun(journal, "anna", "bert", "carl")
    assert claimed(journal, run, "1").holder == "anna"
    carl = Enrolment(holder="carl", record={"name": "carl"})
    journal.enrol(run.id, [carl], complete=True)
    assert claimed(journal, run, "2").holder == "carl"
    assert journal.claim(run.id, "demo", "3", reader="A") is None
    totals = journal.totals(run.id)
    assert (totals.holders, totals.assigned, totals.gone) == (2, 2, 1)
    journal.enrol(run.id, [carl, Enrolment(holder="bert", record={"name": "Bert"})], complete=True)
    assert claimed(journal, run, "3").holder == "bert"
    assert journal.totals(run.id).gone == 0


def test_what_issuers_and_cards_say_is_no_trouble_for_any_database(journal: Journal) -> None:
    """PostgreSQL takes no NUL, and what is in the journal is shown on terminals."""
    run = begun(journal, "anna")
    card = claimed(journal, run)
    with journal.change() as change:
        change.parked(card.id, Reason.ISSUER_REFUSED, "it said \x00 and \x1b[2J and \ud800")
    journal.refuse(run.id, reader="A", serial="2", reason=Refusal.UNREADABLE, detail="a\x00b")
    assert journal.card(card.id).detail == "it said \\x00 and \\x1b[2J and \\ud800"
    assert journal.refused(run.id)[0].detail == "a\\x00b"
