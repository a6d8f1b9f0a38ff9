"""Where cards are put in: the readers of PC/SC, and software cards, each of which is a reader with its card inside."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Protocol

from cardcore.errors import NoService, TransportError
from cardcore.opening import SOFT
from cardcore.transport.readers import ReaderState

_PATIENCE = 15.0
"""Seconds for which a service that has answered before may give other answers than readers."""


class ReaderSource(Protocol):
    """Readers as they are at any moment."""

    @property
    def endless(self) -> bool:
        """Whether other cards may come: those of software cards do not."""
        ...

    def now(self) -> Sequence[ReaderState]:
        """Every reader that is to be used, with what is in it."""
        ...

    def close(self) -> None:
        """Give back what was opened."""
        ...


class PcscReaders:
    """Readers of the PC/SC service: all of them, or those whose names contain one of `wanted`.

    Readers come and go, and so does the service: while it is away there are none.
    """

    endless = True

    def __init__(self, wanted: Sequence[str] = ()) -> None:
        from cardcore.transport.reader_list import ReaderList

        self._answered = -_PATIENCE  # never: what is wrong at first is told at once
        self._wanted = [name.lower() for name in wanted]
        self._list = ReaderList()

    def now(self) -> Sequence[ReaderState]:
        """The readers that are there."""
        try:
            states = self._list.now()
        except NoService:
            return []
        except TransportError:
            if monotonic() - self._answered > _PATIENCE:
                raise
            return []  # a service that is just ending, or beginning, refuses in many ways
        self._answered = monotonic()
        if not self._wanted:
            return states
        return [state for state in states if any(name in state.name.lower() for name in self._wanted)]

    def close(self) -> None:
        """Give the context back."""
        self._list.close()


class SoftReaders:
    """Software cards by their names, `soft:NAME`."""

    endless = False

    def __init__(self, names: Sequence[str]) -> None:
        self._states = [ReaderState(name=name, present=True) for name in names]

    def now(self) -> Sequence[ReaderState]:
        """All of them, always."""
        return self._states

    def close(self) -> None:
        """Nothing is open."""


def reader_source(names: Sequence[str]) -> ReaderSource:
    """Software cards if the names are theirs, else readers of PC/SC; without names all of these.

    `soft:*` stands for every software card that there is; a name with * in it for those that fit.
    """
    soft = [name for name in names if name.startswith(SOFT)]
    if not soft:
        return PcscReaders(names)
    return SoftReaders([one for name in soft for one in _soft_names(name)])


def _soft_names(name: str) -> list[str]:
    if "*" not in name:
        return [name]
    from fnmatch import fnmatchcase

    from cardcore.softcard import SoftCardStore

    pattern = name.removeprefix(SOFT)
    return [SOFT + card.name for card in SoftCardStore().list() if fnmatchcase(card.name, pattern)]
