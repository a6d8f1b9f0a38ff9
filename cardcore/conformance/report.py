"""What came of a conformance run, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """PASSED: verified. FAILED: not as it has to be. REFUSED: the profile says that the card cannot, and nothing was
    sent. LEFT_OUT: not tried, for the reason that is given.
    """

    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried, or why it was not; how many commands and milliseconds it took."""

    group: str
    name: str
    outcome: Outcome
    detail: str = ""
    commands: int = 0
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole run. `operations` says for each operation that the profile claims whether it was run."""

    reader: str
    atr: str
    profile: str
    name: str
    verified: str
    serial: str
    destructive: bool
    started: str
    seconds: float
    steps: tuple[Step, ...]
    operations: Mapping[str, bool]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.count(Outcome.FAILED)

    @property
    def commands(self) -> int:
        """How many commands the card was sent."""
        return sum(step.commands for step in self.steps)

    def count(self, outcome: Outcome) -> int:
        """How many steps ended like this."""
        return sum(step.outcome is outcome for step in self.steps)
