"""A run goes on with the plan with which it was begun; with another only if a person says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import update

from cardcore.errors import InputError
from cardcore.opening import open_on
from cardcore.personalise.plan_changes import PlanChanged, accept_changes, require_unchanged
from cardcore.personalise.plan_parts import changed_parts, concerns, parts_of, written_parts
from cardcore.personalise.reasons import Reason, Refusal
from cardcore.personalise.records import CardRecord
from cardcore.personalise.states import CardState
from cardcore.personalise.station_records import StationRecord
from cardcore.personalise.tables import RUNS
from cardcore.personalise.undoing import undo
from cardcore.profile.loader import load_tree
from cardcore.softcard import SoftCard
from cardcore.transport.faults import FaultKind, FaultPlan, FaultTransport
from cardcore.transport.soft import SoftTransport
from tests.unit.personalise.audit import audit
from tests.unit.personalise.bureau import Bureau, fresh
from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.plans import PIV, STAFF, folder_of, plan_of, recipient
from tests.unit.personalise.small_plans import ONE, SMALL


@pytest.fixture(autouse=True)
def _master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER)


def changed(folder: Path, old: str, new: str) -> list[str]:
    """What is told to have changed if this is written in place of that."""
    assert old in PIV
    before = parts_of(plan_of(folder, PIV))
    return changed_parts(before, parts_of(plan_of(folder, PIV.replace(old, new))))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{digits: 6}", "{digits: 7}", ["cards.piv.pins.user"]),
        ('puk: {published: "12345678"}', 'puk: {published: "87654321"}', ["cards.piv.factory.puk"]),
        ("derived: {master: env:MASTER}", "derived: {master: env:MASTER, generation: 2}", ["cards.piv.admin.final"]),
        ("cipher: aes256", "cipher: aes192", ["cards.piv.admin.cipher"]),
        ("type: rsa2048", "type: ecp384", ["cards.piv.keys.9a"]),
        ('subject: "CN={name},O=Example"\n', 'subject: "CN={name}"\n', ["cards.piv.keys.9a"]),
        ("0x02: Example", "0x02: Other", ["cards.piv.objects.printed"]),
        ("    initialise: true\n", "", ["cards.piv.initialise"]),
        ("key: ca.key}", "key: ca.key, hash: sha384}", ["issuers.staff"]),
        ("    factory:", "    only: {name: [Anne]}\n    factory:", ["cards.piv.only.name"]),
    ],
)
def test_what_decides_about_cards_is_told_by_its_path(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert changed(tmp_path, old, new) == told


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("plan: 1", "# nothing but words\nplan: 1"),
        ("name: Staff badges", "name: Badges"),
        ("holders: {csv: staff.csv, id: employee}", "holders:\n  id: employee\n  csv: staff.csv"),
        ("pins:\n      user:", "pins:\n      # the holder's\n      user:"),
    ],
)
def test_the_rest_may_change(tmp_path: Path, old: str, new: str) -> None:
    assert changed(tmp_path, old, new) == []


def test_recipients_and_master_keys_are_known_by_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(tmp_path)
    before = parts_of(plan)
    (tmp_path / "issuer.pem").write_bytes(recipient("another").public_bytes(Encoding.PEM))
    monkeypatch.setenv("MASTER", "cd" * 32)
    assert changed_parts(before, parts_of(plan)) == ["recipients", "the master key env:MASTER"]
    assert not any(MASTER[:16] in digest for digest in before.values())


def test_a_plan_without_random_secrets_has_no_recipients(tmp_path: Path) -> None:
    plan = replace(plan_of(tmp_path), recipients=())
    assert "recipients" not in parts_of(plan)


def test_what_is_no_plan_has_no_parts() -> None:
    assert written_parts(load_tree(b"nothing", "plan.yaml")) == {}


def test_which_cards_a_part_concerns() -> None:
    assert [concerns(part, "piv") for part in ("cards.piv", "cards.piv.pins.user", "issuers.a", "recipients")] == [
        *[True] * 4
    ]
    assert not concerns("cards.piv2.pins.user", "piv")


def interrupted(bureau: Bureau, card: SoftCard, at: int) -> CardRecord:
    """A card that was pulled."""
    bureau.insert(card, lambda inner: FaultTransport(inner, FaultPlan(kind=FaultKind.REMOVED_AFTER, at=at)))
    return bureau.journal.cards(bureau.run.id)[-1]


def with_plan(folder: Path, edit: Callable[[str], str]) -> Bureau:
    """The bureau again, after somebody has edited its plan."""
    file = folder / "plan.yaml"
    file.write_text(edit(file.read_text()))
    return Bureau(file, unlock=True)


def test_begun_cards_wait_for_a_decision_and_finished_ones_stay(tmp_path: Path) -> None:
    bureau, done, half = Bureau(folder_of(tmp_path, SMALL["piv"], STAFF)), fresh(), fresh()
    require_unchanged(bureau.journal, bureau.run, bureau.plan)
    assert bureau.insert(done).done
    interrupted(bureau, half, 140)
    bureau.close()
    bureau = with_plan(tmp_path, lambda text: text.replace("digits: 8", "digits: 7"))
    with pytest.raises(PlanChanged, match=r"\(cards: 1 finished, 1 begun\): cards.piv.pins.puk$"):
        require_unchanged(bureau.journal, bureau.run, bureau.plan)
    different, parked = accept_changes(bureau.journal, bureau.run, bureau.plan)
    assert (different, len(parked)) == (["cards.piv.pins.puk"], 1)
    require_unchanged(bureau.journal, bureau.journal.run(bureau.run.name), bureau.plan)
    first, second = bureau.journal.cards(bureau.run.id)
    assert first.state is CardState.DONE
    assert second.reason is Reason.PLAN_CHANGED
    bureau.insert(half)
    assert bureau.journal.refused(bureau.run.id)[-1].reason is Refusal.PARKED
    with open_on(SoftTransport(half, "undo"), "piv") as opened:
        undo(bureau.journal, opened, second)
    assert bureau.insert(half).done


def test_a_card_that_somebody_let_go_on_is_not_parked_again(tmp_path: Path) -> None:
    bureau, card = Bureau(folder_of(tmp_path, SMALL["piv"], ONE)), fresh()
    record = interrupted(bureau, card, 140)
    bureau.journal.retry(record.id)
    bureau.close()
    bureau = with_plan(tmp_path, lambda text: text.replace("digits: 8", "digits: 7"))
    assert accept_changes(bureau.journal, bureau.run, bureau.plan)[1] == []
    assert bureau.insert(card).done
    assert audit(bureau, card) == "done"


def test_other_families_are_not_concerned(tmp_path: Path) -> None:
    both = SMALL["piv"] + SMALL["gids"].partition("cards:")[2]
    bureau = Bureau(folder_of(tmp_path, both, ONE))
    interrupted(bureau, fresh(), 140)
    bureau.close()
    bureau = with_plan(tmp_path, lambda text: text.replace("rsa1024", "rsa2048"))
    assert accept_changes(bureau.journal, bureau.run, bureau.plan) == (["cards.gids.keys.1"], [])


def test_no_station_is_left_with_the_plan_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bureau = Bureau(folder_of(tmp_path, SMALL["piv"], ONE))
    here = StationRecord(name="here", run=bureau.run.id, since=0.0, silent=1.0, ended=False, working=1, done=0)
    others = [replace(here, ended=True), replace(here, silent=3600.0)]
    bureau.close()
    bureau = with_plan(tmp_path, lambda text: text.replace("digits: 8", "digits: 7"))
    monkeypatch.setattr("cardcore.personalise.plan_changes.stations", lambda store, run: [*others, here])
    with pytest.raises(InputError, match="the station here works by the plan as it was"):
        accept_changes(bureau.journal, bureau.run, bureau.plan)
    monkeypatch.setattr("cardcore.personalise.plan_changes.stations", lambda store, run: others)
    assert accept_changes(bureau.journal, bureau.run, bureau.plan) == (["cards.piv.pins.puk"], [])


def test_a_run_of_an_older_release_knows_the_file_only(tmp_path: Path) -> None:
    bureau = Bureau(folder_of(tmp_path, SMALL["piv"], ONE))
    with bureau.journal.store.write() as connection:
        connection.execute(update(RUNS).values(parts=None))
    require_unchanged(bureau.journal, bureau.journal.run(bureau.run.name), bureau.plan)
    bureau.close()
    bureau = with_plan(tmp_path, lambda text: text + "# more\n")
    with pytest.raises(PlanChanged, match=r"the plan$"):
        require_unchanged(bureau.journal, bureau.journal.run(bureau.run.name), bureau.plan)
    accept_changes(bureau.journal, bureau.journal.run(bureau.run.name), bureau.plan)
    require_unchanged(bureau.journal, bureau.journal.run(bureau.run.name), bureau.plan)
