"""Who stands in front of the reader: a queue of things to do, one for each time that the reader asks for digits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, Queue

CANCEL, TIMEOUT, PULL, UNPLUG = "cancel", "timeout", "pull", "unplug"
WORDS = frozenset({CANCEL, TIMEOUT, PULL, UNPLUG})
"""What can be done in place of typing digits; `timeout` saves the waiting that doing nothing takes."""


class Person:
    """Types what `will` was told, in order; with nothing to do, waits until the reader's time is over.

    `asked` holds the display texts so far. `waits` is set while the reader waits for somebody to press a key.
    """

    def __init__(self, watch: Callable[[str], None] | None = None) -> None:
        self._todo: Queue[str] = Queue()
        self._watch = watch
        self.asked: list[str] = []
        self.waits = threading.Event()

    def will(self, *actions: str) -> None:
        """Do these next: digits for one field each, or one of `WORDS`."""
        for action in actions:
            if action not in WORDS and not action.isdigit():
                raise ValueError("a person types digits, or does one of: " + ", ".join(sorted(WORDS)))
            self._todo.put(action)

    def forget(self) -> None:
        """Do nothing more, and know nothing of what was asked."""
        while not self._todo.empty():
            self._todo.get_nowait()
        self.asked.clear()

    def answer(self, text: str, seconds: float) -> str:
        """What is done about a text on the display within that time."""
        self.asked.append(text)
        if self._watch is not None:
            self._watch(text)
        self.waits.set()
        try:
            return self._todo.get(timeout=seconds)
        except Empty:
            return TIMEOUT
        finally:
            self.waits.clear()
