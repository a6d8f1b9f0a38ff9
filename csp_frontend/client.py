"""A client of the agent in Python, which speaks the wire as the DLL does: the CP* functions, for many threads.

Each thread has a connection of its own; all of them share their handles. The first one stays open as long as the
client does, so that handles outlive the thread that made them. After the agent was restarted a client connects again
by itself; handles of the old agent are unknown to the new one.
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from csp_frontend import endpoint as endpoints
from csp_frontend import marshalling, wire
from csp_frontend.agent_calls import AgentCall
from csp_frontend.calls import BY_NAME, Answer, Argument, Call, Kind
from csp_frontend.client_functions import Functions
from csp_frontend.client_link import Link
from csp_frontend.constants import Acquire, Code
from csp_frontend.endpoint import Endpoint, NoAgent
from csp_frontend.errors import CspError
from csp_frontend.gathering import Hashes
from csp_frontend.wire import MESSAGE_SIZE, Value, WireError


class Client(Functions):
    """One client process of the agent. `starter` is called where no agent runs, and has to start one."""

    def __init__(
        self, file: Path | None = None, *, program: str = "", starter: Callable[[], None] | None = None
    ) -> None:
        self._file = file or endpoints.default_path()
        self._program = program
        self._starter = starter
        self._process = os.urandom(wire.PROCESS_SIZE)
        self._own = threading.local()
        self._lock = threading.Lock()
        self._first: Link | None = None
        self._links: weakref.WeakSet[Link] = weakref.WeakSet()
        self._hashes = Hashes()
        self._agent: Endpoint | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections, and with them all handles."""
        with self._lock:
            links, self._first = list(self._links), None
        for link in links:
            link.close()
        self._hashes.forget_all()

    def call(self, name: str, *arguments: Argument) -> Answer:
        """Call a function; CspError with its code, NTE_PROVIDER_DLL_FAIL if no agent can be reached."""
        function = BY_NAME[name]
        match arguments:
            case (int() as context, int() as handle, bytes() as data, 0) if name == "CPHashData":
                self._hash_data(context, handle, data)
                return None
            case _:
                values = _checked(function, arguments)
                self._settle(function, arguments)
                return self._send(function, arguments, values)

    def status(self) -> dict[str, Any]:
        """What the agent says of itself."""
        _, values = self._exchange(AgentCall.STATUS, (), again=True)
        document: dict[str, Any] = json.loads(marshalling.to_bytes(values))
        return document

    def ping(self) -> None:
        """Ask the agent for an answer, and nothing else."""
        self._exchange(AgentCall.PING, (), again=True)

    def stop_agent(self) -> None:
        """Ask the agent to end."""
        self._exchange(AgentCall.STOP, (), again=False)

    def store_order(self, ours: Sequence[bytes], refused: bytes = b"") -> tuple[int, tuple[Value, ...]]:
        """What the helper for the certificate stores asks: status and values, as they are on the wire."""
        report = tuple(Value(kind=wire.Kind.BYTES, content=data) for data in (*ours, refused))
        return self._exchange(AgentCall.STORE, report, again=False)

    def _send(self, function: Call, arguments: Sequence[Argument], values: tuple[Value, ...]) -> Answer:
        try:
            status, answer = self._exchange(function.number, values, again=_is_repeatable(function, arguments))
            self._own.failed = bool(status)
            if status:
                raise CspError(
                    _code(status), "the agent refused it; its log says why", size=marshalling.to_size(answer)
                )
            return marshalling.to_answer(function, answer)
        except WireError as error:
            raise CspError(Code.SCARD_F_COMM_ERROR, str(error)) from error

    def _exchange(self, number: int, values: tuple[Value, ...], *, again: bool) -> tuple[int, tuple[Value, ...]]:
        """One call by this thread's connection; with `again` a second time if the agent goes during the first."""
        link = self._link()
        try:
            return link.call(number, values, threading.get_native_id() & 0xFFFFFFFF)
        except (OSError, EOFError) as error:
            self._drop(link)
            if not again:
                raise CspError(Code.SCARD_E_SERVICE_STOPPED, "the agent has gone in the middle of a call") from error
        except WireError:
            self._drop(link)
            raise
        return self._exchange(number, values, again=False)

    def _link(self) -> Link:
        link: Link | None = getattr(self._own, "link", None)
        if link is not None and link.usable:
            return link
        if link is not None:
            self._drop(link)
        try:
            link = self._connect()
        except NoAgent as error:
            raise CspError(Code.NTE_PROVIDER_DLL_FAIL, error.message) from error
        self._own.link = link
        with self._lock:
            self._links.add(link)
            restarted = self._agent is not None and self._agent != link.endpoint
            self._agent = link.endpoint
            if self._first is None or not self._first.usable:
                self._first = link
        if restarted:
            self._hashes.forget_all()
        return link

    def _connect(self) -> Link:
        try:
            return Link(self._file, self._process, program=self._program)
        except NoAgent:
            if self._starter is None:
                raise
        self._starter()
        return Link(self._file, self._process, program=self._program)

    def _drop(self, link: Link) -> None:
        link.close()
        self._own.link = None
        with self._lock:
            if self._first is link:
                self._first = None

    def _hash_data(self, context: int, handle: int, data: bytes) -> None:
        gathering = self._hashes.of(handle, context)
        with gathering.lock:
            send = self._sender(gathering.context, handle)
            # After a failure too: the agent has to see that there was a call, for the reason of the last error.
            if not gathering.open or gathering.context != context or getattr(self._own, "failed", False):
                gathering.flush(send)
                first, data = data[:MESSAGE_SIZE], data[MESSAGE_SIZE:]
                self._sender(context, handle)(first)
                gathering.open = gathering.context == context
            gathering.add(data, send)

    def _sender(self, context: int, handle: int) -> Callable[[bytes], None]:
        function = BY_NAME["CPHashData"]

        def send(message: bytes) -> None:
            arguments = (context, handle, message, 0)
            self._send(function, arguments, _checked(function, arguments))

        return send

    def _settle(self, function: Call, arguments: Sequence[Argument]) -> None:
        """Send what waits for the hashes that a function is about to use; drop what nobody will ask for."""
        if function.name == "CPReleaseContext" and isinstance(arguments[0], int):
            self._hashes.forget_context(arguments[0])
        for parameter, handle in zip(function.inputs, arguments, strict=False):
            if parameter.kind is not Kind.HASH or not isinstance(handle, int):
                continue
            if function.name == "CPDestroyHash":
                self._hashes.forget(handle)
            elif found := self._hashes.find(handle):
                with found.lock:
                    found.flush(self._sender(found.context, handle))


def _checked(function: Call, arguments: Sequence[Argument]) -> tuple[Value, ...]:
    try:
        return marshalling.to_values(function, arguments)
    except WireError as error:
        raise CspError(Code.ERROR_INVALID_PARAMETER, str(error)) from error


def _is_repeatable(function: Call, arguments: Sequence[Argument]) -> bool:
    """Whether nothing is changed by a second call, where nobody knows if there was a first one."""
    changing = Acquire.CRYPT_NEWKEYSET | Acquire.CRYPT_DELETEKEYSET
    return function.name == "CPAcquireContext" and isinstance(arguments[1], int) and not arguments[1] & changing


def _code(status: int) -> Code:
    try:
        return Code(status)
    except ValueError as error:
        raise WireError(f"the unknown status {status:08X}") from error
