"""Two hundred holders, eight readers of a real PC/SC service, four families of cards: one command; three stations."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.simulated.fleet import HOLDERS, Command, Operators, blank_cards, check_fleet, fleet_plan
from tests.simulated.postgres import postgres
from tests.simulated.rig import PcscRig

pytestmark = [pytest.mark.pcsc, pytest.mark.slow]

READERS = 8


def test_two_hundred_holders_on_eight_readers(tmp_path: Path) -> None:
    plan, made = fleet_plan(tmp_path), blank_cards()
    with PcscRig(readers=READERS) as rig:
        operators = Operators(rig, made)
        command = Command(rig, plan, operators, "--reader", "Rig")
        operators.start()
        status = command.wait()
        operators.join()
    assert status == 0
    check_fleet(tmp_path, plan.with_suffix(".journal"), made)


def test_two_hundred_holders_at_three_stations(tmp_path: Path) -> None:
    """The readers are shared out by their names; the stations know of each other by the database only."""
    plan, made = fleet_plan(tmp_path), blank_cards()
    with postgres() as url, PcscRig(readers=READERS) as rig:
        operators = Operators(rig, made)
        names = rig.reader_names
        shares = {"a": names[:3], "b": names[3:6], "c": names[6:]}
        commands = []
        for station, readers in shares.items():
            wanted = [word for name in readers for word in ("--reader", name)]
            commands.append(Command(rig, plan, operators, "--store", url, "--station", station, *wanted))
        operators.start()
        statuses = [command.wait() for command in commands]
        operators.join()
        assert statuses == [0, 0, 0]
        cards = check_fleet(tmp_path, url, made)
    done = Counter(card.station for card in cards)
    assert set(done) == set(shares)
    assert sum(done.values()) == HOLDERS
