"""What happens to readers and to the cards in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cardcore.transport.readers import ReaderState


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
