"""How far a run is: what a live view shows, kept from the run's events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock
from types import MappingProxyType

from cardcore.personalise.events import (
    CardDone,
    CardInserted,
    CardParked,
    CardRefused,
    Event,
    HolderAssigned,
    ReaderStopped,
    RunStarted,
    StepEnded,
    StepStarted,
    TakeOut,
    Waiting,
)

_RATE_CARDS = 20
"""The pace is that of so many last cards: it follows operators who get faster or go to lunch."""
_RATE_MINIMUM = 3


class ReaderState(StrEnum):
    """What a reader is doing. TAKE_OUT: it is finished with its card, which is still inside."""

    EMPTY = "empty"
    READING = "reading"
    WORKING = "working"
    WAITING = "waiting"
    TAKE_OUT = "take out"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderLine:
    """One reader at one moment. `since` is when its card came in, `step_since` when its step began; seconds, or 0.

    `number` of `steps` counts the steps; `detail` says why a card was refused or parked, and what to do; `failed` is
    set where the card is not fit to be handed out.
    """

    reader: str
    state: ReaderState = ReaderState.EMPTY
    holder: str = ""
    serial: str = ""
    step: str = ""
    number: int = 0
    steps: int = 0
    since: float = 0.0
    step_since: float = 0.0
    detail: str = ""
    failed: bool = False
    finished: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The run at one moment. `per_hour` and `seconds_left` are None until enough cards are done to tell."""

    plan: str
    readers: tuple[ReaderLine, ...]
    holders: int
    done: int
    parked: int
    refused: int
    elapsed: float
    per_hour: float | None
    seconds_left: float | None


class Progress:
    """A listener of a run's events, from any thread, that can tell at any time how far the run is."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lines: dict[str, ReaderLine] = {}
        self._plan = ""
        self._holders = self._done = self._refused = 0
        self._parked: set[int] = set()
        self._started = 0.0
        self._ends: deque[float] = deque(maxlen=_RATE_CARDS + 1)

    def __call__(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            if isinstance(event, RunStarted):
                self._plan, self._holders, self._done = event.plan, event.holders, event.done
                self._started = event.at
                self._ends.append(event.at)
            handler = _HANDLERS.get(type(event))
            reader = getattr(event, "reader", "")
            if handler is not None and reader:
                self._lines[reader] = handler(self._lines.get(reader, ReaderLine(reader=reader)), event)
            self._count(event)

    def _count(self, event: Event) -> None:
        if isinstance(event, CardDone):
            self._done += 1
            self._ends.append(event.at)
            self._parked.discard(event.card)
        elif isinstance(event, CardParked):
            self._parked.add(event.card)
        elif isinstance(event, HolderAssigned):
            self._parked.discard(event.card)
        elif isinstance(event, CardRefused):
            self._refused += 1

    def snapshot(self, now: float) -> Snapshot:
        """The run at the time `now`, in seconds since 1970."""
        with self._lock:
            pace = self._pace(now)
            left = self._holders - self._done
            return Snapshot(
                plan=self._plan,
                readers=tuple(line for _, line in sorted(self._lines.items())),
                holders=self._holders,
                done=self._done,
                parked=len(self._parked),
                refused=self._refused,
                elapsed=max(0.0, now - self._started) if self._started else 0.0,
                per_hour=None if pace is None else 3600 * pace,
                seconds_left=None if pace is None else max(0, left) / pace,
            )

    def _pace(self, now: float) -> float | None:
        """Cards a second, of late; a pause counts too."""
        cards = len(self._ends) - 1
        if cards < _RATE_MINIMUM or now <= self._ends[0]:
            return None
        return cards / (now - self._ends[0])


def _inserted(line: ReaderLine, event: CardInserted) -> ReaderLine:
    return ReaderLine(reader=line.reader, state=ReaderState.READING, since=event.at, finished=line.finished)


def _assigned(line: ReaderLine, event: HolderAssigned) -> ReaderLine:
    return replace(
        line,
        state=ReaderState.WORKING,
        holder=event.holder,
        serial=event.serial,
        steps=event.steps,
        since=line.since or event.at,
        step_since=event.at,
        detail="goes on" if event.resumed else "",
        failed=False,
    )


def _step_started(line: ReaderLine, event: StepStarted) -> ReaderLine:
    return replace(line, state=ReaderState.WORKING, step=event.step, number=event.number, step_since=event.at)


def _step_ended(line: ReaderLine, event: StepEnded) -> ReaderLine:
    return replace(line, number=event.number, detail="")


def _waiting(line: ReaderLine, event: Waiting) -> ReaderLine:
    return replace(line, state=ReaderState.WAITING, detail=event.detail)


def _refused(line: ReaderLine, event: CardRefused) -> ReaderLine:
    told = f"refused: {event.detail} {event.advice}"
    return replace(line, state=ReaderState.TAKE_OUT, serial=event.serial, detail=told, failed=True, step="")


def _parked(line: ReaderLine, event: CardParked) -> ReaderLine:
    told = f"parked: {event.detail} {event.advice}"
    return replace(line, state=ReaderState.TAKE_OUT, holder=event.holder, detail=told, failed=True)


def _done(line: ReaderLine, _event: CardDone) -> ReaderLine:
    finished = line.finished + 1
    return replace(line, state=ReaderState.TAKE_OUT, detail="done", failed=False, step="", finished=finished)


def _take_out(line: ReaderLine, _event: TakeOut) -> ReaderLine:
    return replace(line, state=ReaderState.TAKE_OUT)


def _stopped(line: ReaderLine, event: ReaderStopped) -> ReaderLine:
    told = f"{event.detail} {event.advice}"
    return replace(line, state=ReaderState.STOPPED, detail=told, failed=True)


# Each is called with events of its own type only, which a table of functions cannot tell the type checker.
_HANDLERS: Mapping[type[Event], Callable[..., ReaderLine]] = MappingProxyType(
    {
        CardInserted: _inserted,
        HolderAssigned: _assigned,
        StepStarted: _step_started,
        StepEnded: _step_ended,
        Waiting: _waiting,
        CardRefused: _refused,
        CardParked: _parked,
        CardDone: _done,
        TakeOut: _take_out,
        ReaderStopped: _stopped,
    }
)
