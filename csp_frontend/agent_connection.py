"""One connection of a client process, served by one thread: handshake, then calls in turn until either side ends it."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cardcore import __version__
from csp_frontend import handshake, wire
from csp_frontend.agent_clients import Client, Clients, TooMany
from csp_frontend.calls import BY_NAME
from csp_frontend.constants import Code
from csp_frontend.endpoint import Endpoint
from csp_frontend.handshake import HandshakeError
from csp_frontend.stream import FrameStream
from csp_frontend.wire import Call, Hello, Proof, Refusal, Reply, Welcome, WireError

LOG = logging.getLogger("csp_frontend.agent")
_HASH_DATA = BY_NAME["CPHashData"].number
_REFUSALS: Mapping[type[Exception], int] = MappingProxyType(
    {WireError: wire.MALFORMED, HandshakeError: wire.UNKNOWN, TooMany: wire.BUSY}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a connection may take, in numbers and seconds.

    `idle` ends a connection that has been silent so long, if its process has another one: the last one carries the
    process's handles and may be silent for ever.
    """

    connections: int = 512
    greetings: int = 64
    per_process: int = 256
    handshake: float = 3.0
    idle: float = 900.0


class Connection:
    """Serves one connection; `serve` runs in the connection's own thread and returns when it is over."""

    def __init__(
        self,
        connection: socket.socket,
        *,
        endpoint: Endpoint,
        clients: Clients,
        limits: Limits,
        greeted: Callable[[], None],
    ) -> None:
        self.socket = connection
        self._stream = FrameStream(connection)
        self._endpoint = endpoint
        self._clients = clients
        self._limits = limits
        self._greeted = greeted
        self._sequence = 0
        self._client: Client | None = None
        self._lock = threading.Lock()
        self._lost = False
        self.busy_since = 0.0

    @property
    def client(self) -> Client | None:
        """The process at the other end, None before it has proved that it may talk."""
        return self._client

    def serve(self) -> None:
        """Shake hands, answer calls. Never raises for what a peer does."""
        try:
            self._client = self._shake_hands()
            self._greeted()
            while self._answer_next(self._client):
                pass
        except (WireError, HandshakeError, TooMany) as error:
            LOG.warning("%s: refused: %s", self.peer, error)
            self._refuse(error)
        except (EOFError, OSError) as error:
            LOG.debug("%s: connection ended: %s", self.peer, error)
        finally:
            self._stream.close()
            self._leave()

    @property
    def peer(self) -> str:
        """Who is at the other end, for the log."""
        return str(self._client) if self._client else "a process that is not known yet"

    def peer_has_gone(self) -> bool:
        """Whether the peer has gone, or talks out of turn, while a call of its is being answered."""
        return bool(self.busy_since) and not self._stream.quiet()

    def abandon(self) -> None:
        """End the connection from another thread; a call that is being answered is answered to nobody."""
        with self._lock:
            client, first = self._client, not self._lost
            self._lost = True
        if client is not None and first:
            self._clients.lost(client)
        self._stream.close()

    def _leave(self) -> None:
        with self._lock:
            client, was_lost = self._client, self._lost
            self._lost = True
        if client is not None:
            self._clients.leave(client, was_lost=was_lost)

    def _shake_hands(self) -> Client:
        deadline = time.monotonic() + self._limits.handshake
        hello_body = self._greeting(deadline)
        hello = wire.decode(hello_body)
        if not isinstance(hello, Hello):
            raise WireError("the first frame is no hello")
        chosen = handshake.choose_version(hello)
        if chosen is None:
            raise HandshakeError(f"protocol versions {hello.lowest} to {hello.highest} are not spoken here")
        challenge = wire.encode(handshake.challenge(self._endpoint.secret, hello_body, chosen))
        self._stream.send_bytes(challenge, self._limits.handshake)
        proof = wire.decode(self._greeting(deadline))
        known = isinstance(proof, Proof) and handshake.proves(
            self._endpoint.secret, hello_body, challenge[wire.LENGTH_SIZE :], proof
        )
        if not known:
            raise HandshakeError("the proof is wrong")
        client = self._clients.join(hello, self.socket, self._limits.per_process)
        try:
            self._stream.send(Welcome(pid=self._endpoint.pid, software=__version__))
        except BaseException:
            self._clients.leave(client)
            raise
        return client

    def _greeting(self, deadline: float) -> bytes:
        left = max(deadline - time.monotonic(), 0.001)
        return bytes(self._stream.receive(wire.MAX_GREETING, left, left))

    def _answer_next(self, client: Client) -> bool:
        """Answer the next call; False if the connection has been idle for too long and can be spared."""
        try:
            body = self._stream.receive(wire.MAX_FRAME, self._limits.idle)
        except TimeoutError:
            return self._clients.is_last(client)
        call = wire.decode(body)
        if not isinstance(call, Call):
            raise WireError(f"a {type(call).__name__.lower()} where a call was due")
        if isinstance(body, memoryview) and call.number != _HASH_DATA:  # hashing is done with the data when it answers
            call = wire.owned(call)
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        if call.sequence != self._sequence:
            raise WireError("a call out of sequence")
        self.busy_since = time.monotonic()
        try:
            status, values = client.session.answer(call)
        finally:
            self.busy_since = 0.0
        self._reply(Reply(sequence=call.sequence, status=status, values=values))
        return True

    def _reply(self, reply: Reply) -> None:
        try:
            data = wire.encode(reply)
        except WireError:  # more than a frame holds
            data = wire.encode(Reply(sequence=reply.sequence, status=Code.NTE_NO_MEMORY))
        self._stream.send_bytes(data)

    def _refuse(self, error: WireError | HandshakeError | TooMany) -> None:
        """Say once what was wrong; nothing of what the peer sent is in it."""
        code = _REFUSALS[type(error)]
        try:
            self._stream.send(Refusal(status=code, reason=str(error)[: wire.MAX_TEXT // 4]), self._limits.handshake)
        except (OSError, WireError):
            LOG.debug("the refused peer has gone")
