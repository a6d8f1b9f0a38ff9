"""Readers as they are listed, what they say about themselves, and what changes about them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderState:
    """One reader at one moment.

    `atr` is empty where there is no card, or a mute one, which does not answer. `in_use` says that a program is
    connected to the card. `events` counts how often a card came or went, as far as the system does.
    """

    name: str
    present: bool
    atr: bytes = b""
    mute: bool = False
    in_use: bool = False
    events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderDetails:
    """What a reader's driver says about it (PC/SC part 3); empty where it says nothing."""

    vendor: str
    model: str
    version: str
    serial: str


class EventKind(StrEnum):
    """What happened to a reader or to the card in it."""

    INSERTED = "inserted"
    REMOVED = "removed"
    READER_ADDED = "reader-added"
    READER_REMOVED = "reader-removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderEvent:
    """One event; `atr` is that of the card that came or went, empty for a mute card and for readers."""

    kind: EventKind
    reader: str
    atr: bytes = b""


def changes(before: Mapping[str, ReaderState], after: Mapping[str, ReaderState]) -> Iterator[ReaderEvent]:
    """Yield what happened between two moments, in an order in which it can have happened.

    A card that was exchanged for another in between is removed and inserted.
    """
    for name, old in before.items():
        new = after.get(name)
        if old.present and (new is None or _exchanged(old, new)):
            yield ReaderEvent(kind=EventKind.REMOVED, reader=name, atr=old.atr)
        if new is None:
            yield ReaderEvent(kind=EventKind.READER_REMOVED, reader=name)
    for name, new in after.items():
        known = before.get(name)
        if known is None:
            yield ReaderEvent(kind=EventKind.READER_ADDED, reader=name)
        if new.present and (known is None or not known.present or _exchanged(known, new)):
            yield ReaderEvent(kind=EventKind.INSERTED, reader=name, atr=new.atr)


def _exchanged(old: ReaderState, new: ReaderState) -> bool:
    return not new.present or old.events != new.events or old.atr != new.atr


def reader_details(
    *, vendor: bytes | None, model: bytes | None, version: bytes | None, serial: bytes | None
) -> ReaderDetails:
    """Details from the values of the attributes, None for each that the driver lacks."""
    return ReaderDetails(vendor=_text(vendor), model=_text(model), version=_version(version), serial=_text(serial))


def properties(reply: bytes) -> dict[int, bytes]:
    """Objects of one-byte tags and lengths, as PC/SC part 10 lists features; what is cut off is left out."""
    found: dict[int, bytes] = {}
    while len(reply) >= 2 and len(reply) >= 2 + reply[1]:
        found[reply[0]] = reply[2 : 2 + reply[1]]
        reply = reply[2 + reply[1] :]
    return found


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode("utf-8", "replace")


def _version(value: bytes | None) -> str:
    """0xMMmmbbbb in the machine's byte order, as in `1.5.2`."""
    if value is None or len(value) != 4:
        return ""
    number = int.from_bytes(value, sys.byteorder)
    return f"{number >> 24}.{number >> 16 & 0xFF}.{number & 0xFFFF}"
