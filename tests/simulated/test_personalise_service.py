"""The PC/SC service is restarted while cards are personalised: the run goes on with the cards that it had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardcore.personalise.journal import Journal
from tests.simulated.rig import PcscRig
from tests.unit.personalise.bureau import fresh
from tests.unit.personalise.killed import MASTER
from tests.unit.personalise.plans import folder_of
from tests.unit.personalise.small_plans import SMALL

pytestmark = [pytest.mark.pcsc, pytest.mark.slow]

STAFF = "employee,name,mail\n1001,Anne,anne@example.org\n1002,Bert,bert@example.org\n"
STEPS_BEFORE = (5, 16)
"""Steps after which the service is restarted: two cards have fourteen each."""


def test_the_service_is_restarted_twice(tmp_path: Path) -> None:
    plan = folder_of(tmp_path, SMALL["piv"], STAFF)
    with PcscRig(readers=2) as rig:
        for reader in range(2):
            rig.insert(reader, fresh(), delay_ms=5.0)
        status, told = run_with_restarts(rig, plan)
    assert status == 0, told[-3:]
    parked = [event["reason"] for event in told if event["event"] == "card-parked"]
    assert parked
    assert set(parked) <= {"card-removed", "reader-failed"}
    with Journal.open(plan.with_suffix(".journal")) as journal:
        run = journal.runs()[0]
        assert journal.totals(run.id).done == 2
        assert {card.attempt for card in journal.cards(run.id)} == {1}


def run_with_restarts(rig: PcscRig, plan: Path) -> tuple[int, list[dict[str, Any]]]:
    """The command's exit status and events; the service is restarted after certain steps have begun."""
    command = [sys.executable, "-m", "cardcore", "--json", "personalise", str(plan), "--reader", "Rig"]
    command += ["--unlock", f"file:{plan.parent / 'issuer.key'}"]
    told: list[dict[str, Any]] = []
    steps = 0
    environment = {**os.environ, **rig.env, "MASTER": MASTER}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told.append(json.loads(line))
            started = told[-1]["event"] == "step-started"
            steps += started
            if started and steps in STEPS_BEFORE:
                rig.restart_service()
    return process.returncode, told
