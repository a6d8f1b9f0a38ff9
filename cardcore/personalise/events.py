"""What happens during a run, as it happens: for a live view, for machines, for hooks. No event holds a secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import time

from cardcore.personalise.reasons import Reason, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; `at` is in seconds since 1970-01-01 UTC."""

    at: float = field(default_factory=time)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run began or goes on: how many holders it has, and how many of them are done already."""

    run: str
    plan: str
    holders: int
    done: int
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CardInserted(Event):
    """There is a card in a reader; `atr` is empty for software cards."""

    reader: str
    atr: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRefused(Event):
    """A card is not personalised: nothing was written to it. `serial` is empty where it could not be read."""

    reader: str
    serial: str
    reason: Refusal
    detail: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderAssigned(Event):
    """A card became a holder's, or is taken up again (`resumed`). `card` is its number in the journal."""

    reader: str
    holder: str
    card: int
    serial: str
    profile: str
    steps: int
    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """A step begins; it stands in the journal. `number` counts from 1 to the `steps` of HolderAssigned."""

    reader: str
    card: int
    step: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded(Event):
    """A step is done and stands in the journal. `found` says that recovery found it done by looking at the card."""

    reader: str
    card: int
    step: str
    number: int
    seconds: float
    apdus: int
    found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CardDone(Event):
    """A card is finished and verified."""

    reader: str
    holder: str
    card: int
    serial: str
    seconds: float
    apdus: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardParked(Event):
    """A card is not finished; `reason` says why, `advice` what to do, `continues` whether inserting it again is enough.

    `detail` is what exactly happened.
    """

    reader: str
    holder: str
    card: int
    serial: str
    reason: Reason
    detail: str
    advice: str
    continues: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOut(Event):
    """The reader is finished with its card: somebody should take it out. `ok` says that the card is done."""

    reader: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Event):
    """A reader waits for an issuer that cannot be reached, and tries again in so many `seconds`."""

    reader: str
    card: int
    step: str
    seconds: float
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderStopped(Event):
    """A reader takes no more cards in this run."""

    reader: str
    detail: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """The run ended; the numbers are of the whole run, those of earlier sittings included."""

    run: str
    holders: int
    done: int
    parked: int
    waiting: int
    seconds: float


Listener = Callable[[Event], None]
"""Called from any thread, also from several at once; what it raises ends the run."""
