"""Keeps what is typed for another program out of the window that has just appeared in front of it."""

from __future__ import annotations

import time
from collections.abc import Callable

QUIET_SECONDS = 0.6
"""How long nobody may press a key before the window takes any: longer than between two keys of somebody who types."""


class KeyGuard:
    """Closed when the window appears, or gets the keyboard from another program; open after a pause in typing.

    Each key that is pressed while it is closed begins the pause anew, so that a text that was begun elsewhere is never
    taken in the middle. A person who has seen the window stops typing, or clicks into it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._shown = clock()
        self.swallowed = 0

    def appeared(self) -> None:
        """The window is on the screen from now on."""
        self._shown = self._clock()
        self.close()

    def close(self) -> None:
        """Keys come to the window from now on; the next ones may be meant for somebody else."""
        self._since = self._clock()
        self.swallowed = 0

    @property
    def is_open(self) -> bool:
        """Whether what is pressed now is meant for the window."""
        if self._since is not None and self._clock() - self._since >= QUIET_SECONDS:
            self._since = None
        return self._since is None

    def takes_key(self) -> bool:
        """Whether a key that was pressed now is taken."""
        if self.is_open:
            return True
        self._since = self._clock()
        self.swallowed += 1
        return False

    def click(self) -> bool:
        """Whether a click into the window is taken: it is meant for it, unless the window came under the pointer."""
        if self._clock() - self._shown < QUIET_SECONDS:
            return False
        self._since = None
        return True
