"""The process is killed at each write of the journal: nothing is lost, nothing doubled, no secret unknown."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path

import pytest

from cardcore.personalise.reasons import Reason
from cardcore.softcard import SoftCardStore
from tests.unit.personalise.audit import audit, issued, unfinished
from tests.unit.personalise.bureau import QUICK, Bureau
from tests.unit.personalise.killed import CARD, MASTER, personalise
from tests.unit.personalise.plans import folder_of
from tests.unit.personalise.small_plans import ONE, SMALL

MOST_UNKNOWN = {"piv": 0, "openpgp": 2, "gids": 0, "isoapplet": 0}
"""Writes after which a person has to decide: around the admin's PIN, where the card tells nothing of it."""

LEAST_WRITES = {"piv": 60, "openpgp": 50, "gids": 30, "isoapplet": 30}


@pytest.fixture(autouse=True)
def _master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER", MASTER)


@pytest.mark.slow
@pytest.mark.parametrize("application", ["piv", "openpgp"])
def test_killed_at_each_write(in_memory: Path, application: str) -> None:
    check_each_write(in_memory, application)


def check_each_write(in_memory: Path, application: str) -> None:
    """Kill the process at one write after the other, and go on with what was left."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([personalise.__module__])
    outcomes: dict[int, str] = {}
    status: int | None = -signal.SIGKILL
    while status == -signal.SIGKILL:
        at = len(outcomes) + 1
        plan = prepared(in_memory / str(at), application)
        child = context.Process(target=personalise, args=(plan, at))
        child.start()
        child.join()
        status = child.exitcode
        outcomes[at] = resumed(plan)
    assert status == 0
    assert len(outcomes) > LEAST_WRITES[application]
    unknown = [at for at, outcome in outcomes.items() if outcome != "done"]
    assert len(unknown) <= MOST_UNKNOWN[application], outcomes


def prepared(folder: Path, application: str) -> Path:
    """A plan in a folder of its own, and a new card."""
    plan = folder_of(folder, SMALL[application], ONE)
    SoftCardStore(folder / "cards").create(CARD, application, blank=True, cost=QUICK)
    return plan


def resumed(plan: Path) -> str:
    """Go on with what was left, first without anybody's key, then with it where it is wanted; what it came to."""
    card = SoftCardStore(plan.parent / "cards").open(CARD)
    for unlock in (False, True):
        bureau = Bureau(plan, unlock=unlock)
        bureau.insert(card)
        left = unfinished(bureau)
        try:
            if not any(one.reason is Reason.UNLOCK_NEEDED for one in left):
                outcome = audit(bureau, card)
                (card_plan,) = bureau.plan.cards.values()
                assert issued(plan.parent) == sum(key.certificate is not None for key in card_plan.keys.values())
                return outcome
        finally:
            bureau.close()
    raise AssertionError([(one.reason, one.detail) for one in left])
