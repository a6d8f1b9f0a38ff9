"""Events of a run as JSON documents, a line each, and as sentences for a log."""

from __future__ import annotations

import re
from dataclasses import fields

from cardcore.personalise.events import (
    CardDone,
    CardParked,
    CardRefused,
    Event,
    HolderAssigned,
    ReaderStopped,
    RunEnded,
    RunStarted,
    Waiting,
)

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def document(event: Event) -> dict[str, object]:
    """The event's fields, with its name as `event`: `card-done`, `step-started`, ..."""
    found: dict[str, object] = {"event": _HUMP.sub("-", type(event).__name__).lower()}
    for field in fields(event):
        value = getattr(event, field.name)
        found[field.name] = value.hex().upper() if isinstance(value, bytes) else value
    return found


def sentence(event: Event) -> str:
    """What happened, in one line; empty for what is too small to be told."""
    match event:
        case RunStarted():
            how = "goes on" if event.resumed else "begins"
            return f"the run {event.run} {how}: {event.holders} holders, {event.done} done"
        case HolderAssigned():
            how = "goes on with" if event.resumed else "begins"
            return f"{event.reader}: {how} the card {event.serial} of {event.holder}"
        case CardDone():
            took = f"{event.seconds:.1f} s, {event.apdus} commands"
            return f"{event.reader}: the card {event.serial} of {event.holder} is done ({took})"
        case CardParked():
            return (
                f"{event.reader}: the card {event.serial} of {event.holder} is parked ({event.reason}): "
                f"{event.detail}. {event.advice}"
            )
        case CardRefused():
            return (
                f"{event.reader}: the card {event.serial} is refused ({event.reason}): {event.detail}. {event.advice}"
            )
        case Waiting():
            return f"{event.reader}: {event.step} waits {event.seconds:.0f} s: {event.detail}"
        case ReaderStopped():
            return f"{event.reader}: takes no more cards: {event.detail}. {event.advice}"
        case RunEnded():
            return f"the run {event.run} ends: {event.done} of {event.holders} done, {event.parked} parked"
    return ""
