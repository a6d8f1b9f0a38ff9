"""Hash data gathered at the client: many small CPHashData become messages of 1 MiB.

The first piece after anything else that was done with a hash goes to the agent at once, so that a wrong handle, flag
or state is told where it happens; what follows it is kept until there is a whole message of it, or until another
function wants the hash.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from csp_frontend.wire import MESSAGE_SIZE

Send = Callable[[bytes], None]


class Gathering:
    """The data of one hash that waits to be sent."""

    def __init__(self, context: int) -> None:
        self.context = context
        self.lock = threading.Lock()
        self.open = False
        self._waiting = bytearray()

    def add(self, data: bytes, send: Send) -> None:
        """Take data, and send as many whole messages as there are now. The lock has to be held."""
        while not self._waiting and len(data) >= MESSAGE_SIZE:
            send(data[:MESSAGE_SIZE])
            data = data[MESSAGE_SIZE:]
        self._waiting += data
        while len(self._waiting) >= MESSAGE_SIZE:
            message = bytes(memoryview(self._waiting)[:MESSAGE_SIZE])
            del self._waiting[:MESSAGE_SIZE]
            send(message)

    def flush(self, send: Send) -> None:
        """Send what waits; the next piece goes at once again. The lock has to be held."""
        self.open = False
        waiting, self._waiting = bytes(self._waiting), bytearray()
        if waiting:
            send(waiting)


class Hashes:
    """The hashes of a process for which data waits, or may."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, Gathering] = {}

    def of(self, handle: int, context: int) -> Gathering:
        """The gathering of a hash, a new one if it has none; its context may be another one than asked for."""
        with self._lock:
            return self._known.setdefault(handle, Gathering(context))

    def find(self, handle: int) -> Gathering | None:
        """The gathering of a hash if it has one."""
        with self._lock:
            return self._known.get(handle)

    def forget(self, handle: int) -> None:
        """A hash has ended: nobody will ask for what waits."""
        with self._lock:
            self._known.pop(handle, None)

    def forget_context(self, context: int) -> None:
        """A context has ended, and its hashes with it."""
        with self._lock:
            self._known = {handle: found for handle, found in self._known.items() if found.context != context}

    def forget_all(self) -> None:
        """The agent has gone, and every hash with it."""
        with self._lock:
            self._known.clear()
