"""One connection of a client to the agent: handshake, then calls in turn."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from csp_frontend import endpoint as endpoints
from csp_frontend import handshake, wire
from csp_frontend.agent_clients import Answer
from csp_frontend.endpoint import NoAgent
from csp_frontend.handshake import HandshakeError
from csp_frontend.stream import FrameStream
from csp_frontend.wire import Call, Challenge, Refusal, Reply, Value, Welcome, WireError

CONNECT_SECONDS = 5.0


class Link:
    """An authenticated connection, for one thread. NoAgent from the constructor if there is no agent to talk to."""

    def __init__(self, file: Path, process: bytes, *, program: str = "") -> None:
        self._stream: FrameStream | None = None
        self.endpoint = endpoints.read(file)
        try:
            connection = socket.create_connection(("127.0.0.1", self.endpoint.port), timeout=CONNECT_SECONDS)
        except OSError as error:
            raise NoAgent(f"the agent of {file} does not answer: {error.strerror or error}") from error
        self._stream = stream = FrameStream(connection)
        self._sequence = 0
        try:
            self.welcome = _shake_hands(stream, self.endpoint.secret, process, program or _own_program())
        except (OSError, EOFError, WireError, HandshakeError) as error:
            stream.close()
            raise NoAgent(f"no handshake with the agent: {error}") from error

    @property
    def usable(self) -> bool:
        """Whether the agent is still there, as far as can be seen without a call."""
        return self._stream is not None and self._stream.quiet()

    def call(self, number: int, values: tuple[Value, ...], thread: int) -> Answer:
        """Make one call; OSError or EOFError if the agent goes meanwhile, WireError if it does not follow the rules."""
        if self._stream is None:
            raise EOFError("the connection is closed")
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        self._stream.send(Call(sequence=self._sequence, thread=thread, number=number, values=values))
        reply = wire.decode(bytes(self._stream.receive(wire.MAX_FRAME, None)))
        if isinstance(reply, Refusal):
            raise WireError(f"the agent refuses ({reply.status}): {reply.reason}")
        if not isinstance(reply, Reply) or reply.sequence != self._sequence:
            raise WireError("an answer to another call")
        return reply.status, reply.values

    def close(self) -> None:
        """End the connection; may be called twice."""
        if self._stream is not None:
            self._stream.close()

    def __del__(self) -> None:
        self.close()  # the thread that it belonged to has ended


def _shake_hands(stream: FrameStream, secret: bytes, process: bytes, program: str) -> Welcome:
    hello = wire.encode(handshake.hello(pid=os.getpid(), process=process, program=program))
    stream.send_bytes(hello, CONNECT_SECONDS)
    challenge_body = _greeting(stream)
    challenge = wire.decode(challenge_body)
    if isinstance(challenge, Refusal):
        raise HandshakeError(challenge.reason)
    if not isinstance(challenge, Challenge):
        raise WireError("a hello without a challenge")
    proof = handshake.answer(secret, hello[wire.LENGTH_SIZE :], challenge_body, challenge)
    stream.send(proof, CONNECT_SECONDS)
    welcome = wire.decode(_greeting(stream))
    if isinstance(welcome, Refusal):
        raise HandshakeError(welcome.reason)
    if not isinstance(welcome, Welcome):
        raise WireError("a proof without a welcome")
    return welcome


def _greeting(stream: FrameStream) -> bytes:
    return bytes(stream.receive(wire.MAX_GREETING, CONNECT_SECONDS, CONNECT_SECONDS))


def _own_program() -> str:
    return Path(sys.argv[0] or sys.executable).name[:100]
