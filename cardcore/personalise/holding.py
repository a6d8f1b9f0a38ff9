"""A card in work: who works on it may write about it only as long as nobody else has decided about it meanwhile.

A station that is taken for dead may only be slow, a person may replace a card while it is in a reader, and a card may
be in another reader before the first has noticed that it is gone. Each transaction about a card in work therefore
begins with the question whether the card is still as the last one left it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import time

from sqlalchemy import ColumnElement, bindparam, update

from cardcore.personalise.changes import Change, JournalConflict
from cardcore.personalise.records import CardRecord
from cardcore.personalise.states import CardState
from cardcore.personalise.store import Store
from cardcore.personalise.tables import CARDS

_STILL_HELD = (
    update(CARDS)
    .where(CARDS.c.id == bindparam("held"), CARDS.c.touched_at == bindparam("before"))
    .where(CARDS.c.state == CardState.ACTIVE)
    .values(touched_at=bindparam("now"))
)
"""Put together once: it is part of every transaction."""


class NotHeld(JournalConflict):
    """A card was parked, replaced or taken up by others while it was in work here: nothing more is written about it."""

    code = "not-held"
    default_hint = "Look at `cardcore personalise status`; others have decided about the card meanwhile."


class Hold:
    """One card in work, from the record with which it was taken. One thread has it."""

    def __init__(self, store: Store, record: CardRecord) -> None:
        self._store = store
        self._card = record.id
        self._touched_at = record.touched_at

    @contextmanager
    def change(self, *, waits: bool = True) -> Iterator[Change]:
        """One transaction about the card, as `Journal.change`; NotHeld, and nothing is written, if it is not ours.

        `waits` is that of `Store.write`.
        """
        touched_at = later_than(self._touched_at)
        values = {"held": self._card, "before": self._touched_at, "now": touched_at}
        with self._store.write(waits=waits) as connection:
            if not connection.execute(_STILL_HELD, values).rowcount:
                raise NotHeld(f"others have decided about card {self._card} while it was in work")
            yield Change(connection)
        self._touched_at = touched_at


def as_touched(touched_at: float) -> ColumnElement[bool]:
    """Whether nobody has written about a card since that moment."""
    return CARDS.c.touched_at == touched_at


def later_than(moment: float) -> float:
    """Now, or the moment after that one: changes within one tick of the clock, or after it went back, differ too."""
    return max(time(), math.nextafter(moment, math.inf))
