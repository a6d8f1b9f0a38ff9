"""A process that personalises one software card and kills itself at a chosen write of its journal."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from cardcore.softcard import SoftCardStore
from tests.unit.personalise.bureau import Bureau

MASTER = "ab" * 32
CARD = "anne"


class Killer:
    """Counts the moments before and after each commit, and ends the process at one of them as a power cut would."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, moment: str) -> None:
        """One more moment."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def personalise(plan: Path, at: int) -> None:
    """Begin the run and work on the card until the process is killed."""
    os.environ["MASTER"] = MASTER
    bureau = Bureau(plan, hook=Killer(at))
    bureau.insert(SoftCardStore(plan.parent / "cards").open(CARD))
    bureau.close()
