"""Whole frames over a socket, each within a time: a peer that is slow or silent costs no more than that."""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress

from csp_frontend import wire
from csp_frontend.wire import Frame, WireError

FRAME_SECONDS = 10.0
_CHUNK = 1 << 16


class FrameStream:
    """One connection. Frames take turns: who has sent one waits for the answer, so nothing may follow a frame.

    TimeoutError where no frame comes, or one does not go, in time; EOFError where the peer has closed the connection,
    OSError where it broke; WireError for what is no whole frame.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._long = bytearray()

    def send(self, frame: Frame, seconds: float = FRAME_SECONDS) -> None:
        """Send one frame."""
        self.send_bytes(wire.encode(frame), seconds)

    def send_bytes(self, data: bytes, seconds: float = FRAME_SECONDS) -> None:
        """Send one frame that is encoded already."""
        self._socket.settimeout(seconds)
        self._socket.sendall(data)

    def receive(self, limit: int, wait: float | None, seconds: float = FRAME_SECONDS) -> bytes | memoryview:
        """The body of the next frame: its first byte within `wait` (None: whenever), the rest within `seconds`.

        A long one is a view of memory that the next long one overwrites: given back to the system and asked for anew
        with each message, that memory costs more than what is done with it.
        """
        self._socket.settimeout(wait)
        first = self._socket.recv(min(_CHUNK, wire.LENGTH_SIZE + limit))
        if not first:
            raise EOFError("the peer has closed the connection")
        try:
            return self._complete(first, limit, time.monotonic() + seconds)
        except TimeoutError as error:
            raise WireError("a frame did not come to its end in time") from error

    def quiet(self) -> bool:
        """Whether the peer is still there and says nothing, as it should while it waits for an answer."""
        try:
            return not select.select([self._socket], [], [], 0)[0]
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """End the connection; whoever waits in `receive` gets EOFError."""
        with suppress(OSError):  # the peer may have ended it already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _complete(self, first: bytes, limit: int, deadline: float) -> bytes | memoryview:
        while len(first) < wire.LENGTH_SIZE:
            first += self._more(wire.LENGTH_SIZE - len(first), deadline)
        size = wire.size_of(first[: wire.LENGTH_SIZE], limit)
        body = first[wire.LENGTH_SIZE :]
        if len(body) > size:
            raise WireError("more than one frame at a time")
        return body if len(body) == size else self._rest(body, size, deadline)

    def _rest(self, start: bytes, size: int, deadline: float) -> bytes | memoryview:
        long = size > _CHUNK
        view, at = memoryview(self._room(size) if long else bytearray(size)), len(start)
        view[:at] = start
        while at < size:
            self._limit(deadline)
            count = self._socket.recv_into(view[at:])
            if not count:
                raise EOFError("the peer has closed the connection inside a frame")
            at += count
        return view.toreadonly() if long else bytes(view)

    def _room(self, size: int) -> memoryview:
        """Memory for a long body. Short ones, which may hold PINs, are not kept beyond their answer."""
        if len(self._long) < size:
            self._long = bytearray(size)
        return memoryview(self._long)[:size]

    def _more(self, size: int, deadline: float) -> bytes:
        self._limit(deadline)
        part = self._socket.recv(size)
        if not part:
            raise EOFError("the peer has closed the connection inside a frame")
        return part

    def _limit(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for a frame is over")
        self._socket.settimeout(left)
