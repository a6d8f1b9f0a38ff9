"""The agent: one process per user that owns the cards and answers the calls of all client processes.

It listens on 127.0.0.1 only, at a port that the system chooses, and tells port and secret in the endpoint file. One
thread accepts, one per connection answers, one watches for clients that have gone while their call is being answered.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from csp_frontend import endpoint as endpoints
from csp_frontend.agent_clients import Clients
from csp_frontend.agent_connection import Connection, Limits
from csp_frontend.agent_instance import InstanceLock
from csp_frontend.endpoint import Endpoint
from csp_frontend.peers import strangers

LOG = logging.getLogger("csp_frontend.agent")
LOCK_NAME = "agent.lock"
_WATCH_SECONDS = 0.1
_STOP_SECONDS = 5.0
_BACKLOG = 64


class Agent:
    """A running agent, from `start` to `stop`; `wait` returns when somebody has asked it to stop."""

    def __init__(self, clients: Clients, *, files: Sequence[Path], lock: Path, limits: Limits | None = None) -> None:
        self.clients = clients
        self.limits = limits or Limits()
        self._files = tuple(files)
        self._lock_file = InstanceLock(lock)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._greetings = 0
        self._threads: list[threading.Thread] = []

    def start(self) -> Endpoint:
        """Begin to serve; AlreadyRunning if this user has an agent."""
        self._lock_file.acquire()
        try:
            self._listener = _listen()
            self.endpoint = Endpoint.fresh(self._listener.getsockname()[1])
            for file in self._files:
                endpoints.write(file, self.endpoint)
        except BaseException:
            self._lock_file.release()
            raise
        for target in (self._accept, self._watch):
            thread = threading.Thread(target=target, name=f"agent {target.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()
        LOG.info("agent listens at 127.0.0.1:%d", self.endpoint.port)
        return self.endpoint

    def ask_to_stop(self) -> None:
        """Let `wait` return; fit for a signal handler."""
        self._stopping.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the agent is asked to stop; False if that did not happen in time."""
        return self._stopping.wait(seconds)

    def stop(self) -> None:
        """Take the endpoint away, end every connection, and with them every handle."""
        self._stopping.set()
        for file in self._files:
            endpoints.remove(file, self.endpoint)
        _wake(self._listener)
        with self._lock:
            open_now = dict(self._connections)
        for connection in open_now:
            connection.abandon()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in (*open_now.values(), *self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))
        self._listener.close()
        self._lock_file.release()
        LOG.info("agent has stopped")

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError as error:
                if not self._stopping.is_set():
                    LOG.error("cannot accept a connection: %s", error)
                    self._stopping.wait(_WATCH_SECONDS)  # out of file descriptors, most likely: they come back
                continue
            if not self._begin(accepted):
                accepted.close()

    def _begin(self, accepted: socket.socket) -> bool:
        connection = Connection(
            accepted,
            endpoint=self.endpoint,
            clients=self.clients,
            limits=self.limits,
            greeted=self._greeted,
        )
        return self._admit(connection) or (self._made_room(accepted) and self._admit(connection))

    def _admit(self, connection: Connection) -> bool:
        thread = threading.Thread(target=self._serve, args=(connection,), name="agent connection", daemon=True)
        with self._lock:
            full = len(self._connections) >= self.limits.connections or self._greetings >= self.limits.greetings
            if full or self._stopping.is_set():
                return False
            self._connections[connection] = thread
            self._greetings += 1
        thread.start()
        return True

    def _made_room(self, accepted: socket.socket) -> bool:
        """End the connections of other users, who cannot get past the handshake; not for one of them."""
        with self._lock:
            greeting = {found.socket: found for found in self._connections if found.client is None}
            threads = dict(self._connections)
        found = strangers([accepted, *greeting])
        if not found or accepted in found:
            return False
        LOG.warning("%d connections of other users are ended, which kept the user's own programs out", len(found))
        for stranger in (greeting[one] for one in found):
            stranger.abandon()
            threads[stranger].join(_WATCH_SECONDS)
        return True

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__))  # without the message: who knows what is in it
            LOG.error(
                "%s: the connection ended by a fault of the agent: %s\n%s",
                *(connection.peer, type(error).__name__, where.rstrip()),
            )
        finally:
            with self._lock:
                del self._connections[connection]
                if connection.client is None:
                    self._greetings -= 1

    def _greeted(self) -> None:
        with self._lock:
            self._greetings -= 1

    def _watch(self) -> None:
        """Find peers that have gone in the middle of a call: the thread that answers them does not read."""
        while not self._stopping.wait(_WATCH_SECONDS):
            before = time.monotonic() - _WATCH_SECONDS
            with self._lock:
                busy = [found for found in self._connections if 0.0 < found.busy_since < before]
            for connection in busy:
                if connection.peer_has_gone():
                    LOG.info("%s: has gone in the middle of a call", connection.peer)
                    connection.abandon()


def _listen() -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":  # else another user's program could take the port over
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _wake(listener: socket.socket) -> None:
    """Let a blocked `accept` return, on every system."""
    try:
        socket.create_connection(listener.getsockname(), timeout=_WATCH_SECONDS).close()
    except OSError:
        LOG.debug("nobody waits for connections any more")
