"""Readers for a program that asks often: one lasting context with the PC/SC service in place of a new one each time.

Beginning a context costs the service a thread, and the program ten times as much as the question itself.
"""

from __future__ import annotations

import threading

from cardcore.errors import TransportError
from cardcore.transport import pcsc
from cardcore.transport.readers import ReaderState


class ReaderList:
    """The readers as they are at any moment. It may be used by several threads; close it in the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context = 0

    def now(self) -> list[ReaderState]:
        """Every reader with what is in it, as `list_readers`; a service that was restarted is found again.

        NoService if none is running.
        """
        with self._lock:
            if self._context:
                try:
                    return pcsc.states(self._context)
                except TransportError:  # whatever a service that ends has answered, there may be another one by now
                    self._end()
            self._context = pcsc.begin_context()
            return pcsc.states(self._context)

    def close(self) -> None:
        """Give the context back; `now` would begin another one."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        self._context = pcsc.end_context(self._context)
