"""The persistent memory of a software card, as its applications see it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

JsonObject = dict[str, Any]


class Memory(Protocol):
    """Where a card's applications keep their state. Read and write only inside `session`."""

    @property
    def revision(self) -> bytes:
        """Changes whenever anything was written, by whatever process; never empty inside a session."""
        ...

    def session(self) -> AbstractContextManager[None]:
        """Exclusive use of the memory for one command, against other processes too."""
        ...

    def read(self, application: str) -> JsonObject:
        """The state of one application."""
        ...

    def write(self, application: str, state: JsonObject) -> None:
        """Replace the state of one application; it is safe against a crash once this returns."""
        ...


class VolatileMemory:
    """A memory that lives as long as the object: for tests and throw-away cards."""

    def __init__(self, states: dict[str, JsonObject]) -> None:
        self._states = copy.deepcopy(states)
        self._count = 1

    @property
    def revision(self) -> bytes:
        """A count of the writes."""
        return self._count.to_bytes(8)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Nothing to lock: no other process sees this memory."""
        yield

    def read(self, application: str) -> JsonObject:
        """The state of one application, as a copy."""
        return copy.deepcopy(self._states[application])

    def write(self, application: str, state: JsonObject) -> None:
        """Replace the state of one application."""
        self._states[application] = copy.deepcopy(state)
        self._count += 1
