"""The client processes of the agent: who they are, how many connections each has, when their handles die."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from csp_frontend.wire import Call, Hello, Value

Answer = tuple[int, tuple[Value, ...]]


class TooMany(Exception):
    """A limit on connections is reached."""


class Session(Protocol):
    """What the agent keeps for one process, with all its handles; several threads use it at once."""

    def answer(self, call: Call) -> Answer:
        """The status and the values that answer a call; never raises."""
        ...

    def cancel(self) -> None:
        """The process has gone, though calls of it still run: end their questions, free at once what can be freed."""
        ...

    def close(self) -> None:
        """No call of the process runs any more: give back what its handles hold."""
        ...


class Client:
    """One process, for as long as it has a connection. `alive` connections are those whose peer is still there."""

    def __init__(self, hello: Hello, session: Session) -> None:
        self.pid = hello.pid
        self.process = hello.process
        self.program = printable(hello.program)
        self.session = session
        self.since = time.time()
        self.alive = 0
        self.threads = 0

    def __str__(self) -> str:
        return f"{self.program or 'a program'} ({self.pid})"


class Clients:
    """All client processes."""

    def __init__(self, session_for: Callable[[Hello, socket.socket], Session]) -> None:
        """`session_for` gets the first connection of the process too, while its peer waits at the other end."""
        self._session_for = session_for
        self._lock = threading.Lock()
        self._known: dict[tuple[bytes, int], Client] = {}

    def join(self, hello: Hello, connection: socket.socket, most: int) -> Client:
        """The process that a new connection belongs to; TooMany if it has `most` of them already."""
        key = (hello.process, hello.pid)
        with self._lock:
            client = self._known.get(key)
            if client is None:
                client = self._known[key] = Client(hello, self._session_for(hello, connection))
            if client.threads >= most:
                raise TooMany(f"{client} has {most} connections")
            client.alive += 1
            client.threads += 1
            return client

    def lost(self, client: Client) -> None:
        """The peer of a connection has gone while its call is being answered; `leave` follows when that is done."""
        with self._lock:
            gone = self._one_less(client)
        if gone:
            client.session.cancel()

    def leave(self, client: Client, *, was_lost: bool = False) -> None:
        """A connection has ended. With the last one the handles of the process die."""
        with self._lock:
            gone = not was_lost and self._one_less(client)
            client.threads -= 1
            ended = not client.threads
        if ended:
            client.session.close()
        elif gone:
            client.session.cancel()

    def _one_less(self, client: Client) -> bool:
        """One peer of the process has gone; whether none is left."""
        client.alive -= 1
        key = (client.process, client.pid)
        if not client.alive and self._known.get(key) is client:
            del self._known[key]
        return not client.alive

    def is_last(self, client: Client) -> bool:
        """Whether the process has one connection only."""
        with self._lock:
            return client.alive == 1

    def all(self) -> Sequence[Client]:
        """The processes that are connected now, the oldest first."""
        with self._lock:
            return sorted(self._known.values(), key=lambda client: client.since)


def printable(text: str, most: int = 200) -> str:
    """A text that a peer sent, fit for one line of a log or a window."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:most])
