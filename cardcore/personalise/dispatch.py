"""Who gets the next card, and who works on whose: by the journal alone, or with a job engine for several stations."""

from __future__ import annotations

from typing import Protocol

from cardcore.personalise.journal import Journal
from cardcore.personalise.records import CardRecord


class Dispatch(Protocol):
    """Gives cards to holders; may be called from every reader's thread."""

    def claim(self, profile: str, serial: str, reader: str) -> CardRecord | None:
        """Make a card the next holder's; None if nobody waits for a card of this kind.

        JournalConflict if it is somebody's already.
        """
        ...

    def take_up(self, card: CardRecord, reader: str) -> CardRecord:
        """Go on with a card that was begun before; JournalConflict if another station works on it."""
        ...

    def take_over(self, card: CardRecord, serial: str, reader: str) -> CardRecord:
        """Make a new card that of the holder of a parked one, which counts no longer.

        JournalConflict if another station works on that, or the new one is somebody's already.
        """
        ...

    def ended(self, card: int, *, done: bool) -> None:
        """The work on a card has ended: it is done, or parked in the journal."""
        ...


class OneStation:
    """The journal alone: several readers of one process, one holder after the other. Nothing else has to run."""

    def __init__(self, journal: Journal, run: int, *, within: int | None = None) -> None:
        """`within` counts only the first holders of the run."""
        self._journal = journal
        self._run = run
        self._within = within

    def claim(self, profile: str, serial: str, reader: str) -> CardRecord | None:
        """Make a card the next holder's."""
        return self._journal.claim(self._run, profile, serial, reader=reader, within=self._within)

    def take_up(self, card: CardRecord, reader: str) -> CardRecord:
        """Go on with a card."""
        return self._journal.take_up(card, reader=reader)

    def take_over(self, card: CardRecord, serial: str, reader: str) -> CardRecord:
        """Make a new card that of the holder of a parked one."""
        return self._journal.take_over(card, serial, reader=reader)

    def ended(self, card: int, *, done: bool) -> None:
        """Nothing is to be told to anybody: the journal knows."""
