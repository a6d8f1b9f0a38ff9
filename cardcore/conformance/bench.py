"""Runs single steps on a card, counts and times them, and notes how they ended."""

from __future__ import annotations

import time
from collections.abc import Callable

from cardcore.conformance.report import Outcome, Step
from cardcore.errors import CardError, NotSupported, TransportError
from cardcore.transport.faults import CountingTransport

Action = Callable[[], str | None]
"""Does one thing and returns what is worth telling. Unfit raises if the result is wrong, NotSupported if refused."""


class Unfit(CardError):
    """A result of the card is not what it has to be."""

    code = "unfit"


class Bench:
    """A card on the bench: each step is counted and timed."""

    def __init__(self, transport: CountingTransport) -> None:
        self._transport = transport
        self.steps: list[Step] = []

    def step(self, group: str, name: str, action: Action) -> bool:
        """Try one thing; whether it passed. A card that went away ends the run, every other error is a result."""
        sent, started = self._transport.count, time.perf_counter()
        outcome, detail = Outcome.PASSED, ""
        try:
            detail = action() or ""
        except NotSupported as error:
            outcome, detail = Outcome.REFUSED, error.message
        except TransportError:
            raise
        except CardError as error:
            outcome, detail = Outcome.FAILED, error.message
        self._note(group, name, outcome, detail, sent, started)
        return outcome is Outcome.PASSED

    def leave_out(self, group: str, name: str, reason: str) -> None:
        """Note that something was not tried."""
        self.steps.append(Step(group=group, name=name, outcome=Outcome.LEFT_OUT, detail=reason))

    def _note(self, group: str, name: str, outcome: Outcome, detail: str, sent: int, started: float) -> None:
        self.steps.append(
            Step(
                group=group,
                name=name,
                outcome=outcome,
                detail=detail,
                commands=self._transport.count - sent,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
            )
        )


def require(holds: bool, problem: str) -> None:
    """Unfit if it does not hold."""
    if not holds:
        raise Unfit(problem)
