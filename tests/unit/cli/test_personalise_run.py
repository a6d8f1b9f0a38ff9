"""`cardcore personalise` from the first dry run to a lost card: run, retry, undo, replace."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from cardcore.personalise.journal import Journal
from tests.unit.cli.shell import QUICK, Ended, Shell
from tests.unit.cli.test_documents import assert_documented
from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.plans import folder_of
from tests.unit.personalise.small_plans import SMALL

STAFF = "employee,name,mail\n1001,Anne,anne@example.org\n1002,Bert,bert@example.org\n"
FAILED, USAGE = 1, 2


@pytest.fixture
def bureau(shell: Shell) -> Shell:
    """A plan for two holders, and two blank cards."""
    folder_of(shell.folder, SMALL["piv"], STAFF)
    shell.monkeypatch.setenv("MASTER", MASTER)
    for name in ("one", "two"):
        shell.store.create(name, "piv", blank=True, cost=QUICK)
    return shell


def run(bureau: Shell, *options: str, readers: tuple[str, ...] = ("soft:one",)) -> Ended:
    """A run with software cards, a document for each event."""
    chosen = [word for reader in readers for word in ("--reader", reader)]
    return bureau("--json", "personalise", "plan.yaml", *chosen, *options)


def events(ended: Ended) -> list[dict[str, object]]:
    """What was told."""
    return [json.loads(line) for line in ended.out.splitlines()]


def test_a_rehearsal_shows_commands_and_no_secret(bureau: Shell) -> None:
    ended = bureau("--json", "personalise", "plan.yaml", "--dry-run")
    assert ended.status == 0
    steps = {step["step"]: step["operations"] for step in ended.json["cards"]["piv"]}
    assert steps["secret:user"][0]["apdus"] == ["0024008010<pin.block:8><new_pin.block:8>"]
    assert steps["key:9a"][0]["apdus"] == ["0047009A05AC0380011100"]
    assert "313233343536" not in ended.out
    assert not (bureau.folder / "plan.journal").exists()
    people = bureau("personalise", "plan.yaml", "--dry-run").out
    assert "  secret:user\n    > 00 24 00 80 10 <pin.block:8><new_pin.block:8>\n" in people


def test_a_pilot_and_the_rest(bureau: Shell) -> None:
    pilot = run(bureau, "--first", "1")
    assert pilot.status == 0
    assert [one["event"] for one in events(pilot)][-2:] == ["take-out", "run-ended"]
    again = run(bureau)
    assert (again.status, again.error["code"]) == (FAILED, "input")
    rest = run(bureau, "--resume", readers=("soft:t*",))
    assert rest.status == 0
    assert events(rest)[-1]["done"] == 2


def test_a_second_program_with_the_same_journal_does_not_begin(bureau: Shell) -> None:
    """It would park the cards in the readers of the first, and take them up."""
    with Journal.open(bureau.folder / "plan.journal") as first, first.store.alone():
        ended = run(bureau)
    assert (ended.status, ended.error["code"]) == (FAILED, "input")
    assert "another program" in ended.error["message"]


def test_who_is_taken_out_of_the_list_gets_no_card(bureau: Shell) -> None:
    assert run(bureau, "--first", "1").status == 0
    (bureau.folder / "staff.csv").write_text(STAFF.partition("1002")[0])
    told = bureau("personalise", "plan.yaml", "--resume", "--reader", "soft:two")
    assert told.status == 0
    assert "1 holder without a card" in told.err
    rest = run(bureau, "--resume", readers=("soft:two",))
    assert events(rest)[-1]["holders"] == events(rest)[-1]["done"] == 1


def test_a_run_that_is_not_finished_says_so(bureau: Shell) -> None:
    ended = run(bureau)
    assert (ended.status, ended.error["code"]) == (FAILED, "unfinished")
    people = bureau("personalise", "plan.yaml", "--resume", "--reader", "soft:one").out
    assert "is refused (finished)" in people


def test_a_card_is_undone_and_its_holder_gets_another(bureau: Shell) -> None:
    run(bureau, "--first", "1")
    serial = bureau("--json", "--reader", "soft:one", "info").json["serial"]
    wrong = bureau("--json", "--reader", "soft:one", "personalise", "undo", "plan.yaml", "--yes-destroy", "1")
    assert wrong.status != 0
    ended = bureau("--json", "--reader", "soft:one", "personalise", "undo", "plan.yaml", "--yes-destroy", serial)
    assert_documented("personalise undo", ended.json)
    assert [one["key"] for one in ended.json["revoke"]] == ["9a", "9c"]
    assert run(bureau, "--resume", "--first", "1").status == 0


def test_a_lost_card_is_replaced(bureau: Shell) -> None:
    run(bureau, "--first", "1")
    ended = bureau("--json", "personalise", "replace", "plan.yaml", "1001", "--why", "lost")
    assert_documented("personalise replace", ended.json)
    assert run(bureau, "--resume", "--first", "1", readers=("soft:two",)).status == 0
    unknown = bureau("--json", "personalise", "replace", "plan.yaml", "1002")
    assert (unknown.status, unknown.error["code"]) == (FAILED, "input")


def test_a_parked_card_is_let_go_on(bureau: Shell) -> None:
    shown = "CN={name},O=Example"
    plan = (bureau.folder / "plan.yaml").read_text()
    (bureau.folder / "plan.yaml").write_text(plan.replace("days: 30", "days: 7300"))
    assert shown in plan
    parked = next(one for one in events(run(bureau)) if one["event"] == "card-parked")
    assert (parked["reason"], parked["continues"]) == ("issuer-refused", False)
    (bureau.folder / "plan.yaml").write_text(plan)
    ended = bureau("--json", "personalise", "retry", "plan.yaml", str(parked["serial"]))
    assert_documented("personalise retry", ended.json)
    ended = run(bureau, "--resume")
    assert (ended.status, ended.error["code"]) == (FAILED, "plan-changed")
    assert "cards.piv.keys.9a, cards.piv.keys.9c" in ended.error["message"]
    assert any(one["event"] == "card-done" for one in events(run(bureau, "--resume", "--accept-changed-plan")))


def test_a_plan_that_has_changed_is_accepted_or_not_gone_on_with(bureau: Shell) -> None:
    assert run(bureau, "--first", "1").status == 0
    (bureau.folder / "staff.csv").write_text(STAFF + "1003,Carl,carl@example.org\n")
    plan = (bureau.folder / "plan.yaml").read_text()
    (bureau.folder / "plan.yaml").write_text(plan.replace("digits: 8", "digits: 7"))
    ended = run(bureau, "--resume")
    assert (ended.status, ended.error["code"]) == (FAILED, "plan-changed")
    assert "(cards: 1 finished, 0 begun): cards.piv.pins.puk" in ended.error["message"]
    assert bureau("--json", "personalise", "status", "plan.yaml").json["runs"][0]["holders"] == 2
    wrong = run(bureau, "--accept-changed-plan")
    assert (wrong.status, wrong.error["code"]) == (USAGE, "usage")
    accepted = run(bureau, "--resume", "--accept-changed-plan", "--first", "2", readers=("soft:two",))
    assert accepted.status == 0
    again = run(bureau, "--resume")
    assert (again.error["code"], events(again)[0]["holders"]) == ("unfinished", 3)


def test_a_secret_in_doubt_is_settled(bureau: Shell) -> None:
    assert run(bureau, "--first", "1").status == 0
    settle = ("--json", "--reader", "soft:one", "personalise", "settle", "plan.yaml", "--has", "new")
    assert (bureau(*settle).status, bureau(*settle).error["code"]) == (FAILED, "input")
    with closing(sqlite3.connect(bureau.folder / "plan.journal")) as journal:  # as if its answer had been lost
        journal.execute("update cards set state = 'parked', reason = 'unknown-outcome'")
        journal.execute("update steps set state = 'started' where step = 'secret:user'")
        journal.execute("update secrets set state = 'proposed' where name = 'user'")
        journal.commit()
    assert bureau(*settle).error["code"] == "parked"  # without a recipient's key nobody knows it
    ended = bureau(*settle, "--unlock", "file:issuer.key")
    assert_documented("personalise settle", ended.json)
    assert (ended.json["secret"], ended.json["has"]) == ("user", "new")


def test_no_secret_stands_in_the_journal_in_clear(bureau: Shell) -> None:
    staff = STAFF.replace("mail", "mail,code").replace(".org", ".org,471103")
    plan = SMALL["piv"].replace("final: {random: {digits: 6}}", "final: {field: code}")
    folder_of(bureau.folder, plan, staff)
    assert run(bureau, "--first", "1").status == 0
    bureau("personalise", "status", "plan.yaml")
    with closing(sqlite3.connect(bureau.folder / "plan.journal")) as connection:
        everything = "\n".join(connection.iterdump())
    assert "anne@example.org" in everything
    assert "471103" not in everything
    assert b"471103".hex().upper() not in everything.upper()
