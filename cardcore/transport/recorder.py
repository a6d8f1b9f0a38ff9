"""Records what goes through a transport as JSON Lines, without secrets.

One object per line. An exchange is `{"c": command, "r": response, "us": microseconds}`, a control code
`{"control": code, "c": data, "r": reply, "us": ...}`, all in lower-case hex with `**` for each masked byte.
`{"event": ...}` says connect (the first line, with `format`, the version of this form), reset, reconnect and close.
A call that failed is an event too: removed, reset, busy or error, with `error`, the stable code, `op`, the
call, and the command where there was one.
"""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Self, TextIO, TypeVar

from cardcore.errors import CardRemoved, CardReset, InputError, ReaderBusy, TransportError
from cardcore.masking import ChainMasker, redact, redact_reply
from cardcore.transport.base import OPEN, Mask, Transport
from cardcore.transport.wrapper import TransportWrapper

FORMAT_VERSION = 1

_T = TypeVar("_T")
_Line = dict[str, object]

_log = logging.getLogger(__name__)


def open_trace(path: Path) -> TextIO:
    """Open a file for a trace, empty and readable by its owner only (mode 0600); InputError if that fails.

    A device or a pipe is left as it is: its mode is everybody's matter.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            if os.chmod in os.supports_fd:
                os.chmod(descriptor, 0o600)  # a file that was there before may be readable for others
            os.ftruncate(descriptor, 0)
    except OSError as error:
        os.close(descriptor)
        raise _unwritable(path, error) from error
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="\n")


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot write the trace {path}: {error.strerror}", hint="Check the path and your rights.")


class RecorderTransport(TransportWrapper):
    """Writes a trace of the inner transport to `sink`, which stays open: several recorders may share it.

    `clock` answers nanoseconds. A trace that `to_file` opened is closed with the transport. A sink that cannot be
    written to ends the recording with a warning, never the card operation.
    """

    def __init__(self, inner: Transport, sink: TextIO, *, clock: Callable[[], int] = perf_counter_ns) -> None:
        super().__init__(inner)
        self._sink: TextIO | None = sink
        self._clock = clock
        self._masker = ChainMasker()
        self._open = True
        self._owned = False
        self._event(
            "connect",
            format=FORMAT_VERSION,
            reader=inner.name,
            atr=inner.atr.hex(),
            protocol=int(inner.protocol),
            extended=inner.extended_length,
        )

    @classmethod
    def to_file(cls, inner: Transport, path: Path) -> Self:
        """Record into a new file that only its owner can read; InputError if it cannot be written."""
        recorder = cls(inner, open_trace(path))
        recorder._owned = True
        return recorder

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Send one encoded command APDU, return the encoded response; record both without secrets."""
        whole = self._masker.mask(command, mask)
        asked: _Line = {"c": redact(command, whole)}
        reply, microseconds = self._observe("transmit", asked, lambda: self.inner.transmit(command, mask))
        self._write({**asked, "r": redact_reply(reply, whole), "us": microseconds})
        return reply

    def control(self, code: int, data: bytes = b"") -> bytes:
        """Send a control code to the reader, return its reply; record both."""
        asked: _Line = {"control": code, "c": data.hex()}
        reply, microseconds = self._observe("control", asked, lambda: self.inner.control(code, data))
        self._write({**asked, "r": reply.hex(), "us": microseconds})
        return reply

    def begin(self) -> None:
        """Start a transaction."""
        self._observe("begin", {}, self.inner.begin)

    def reconnect(self) -> None:
        """Take the connection up again after CardReset."""
        self._observe("reconnect", {}, self.inner.reconnect)
        self._event("reconnect", atr=self.inner.atr.hex())

    def reset(self) -> None:
        """Reset the card."""
        self._observe("reset", {}, self.inner.reset)
        self._event("reset", atr=self.inner.atr.hex())

    def close(self) -> None:
        """Give the card back, and end the trace."""
        self.inner.close()
        if not self._open:
            return
        self._open = False
        self._event("close")
        if self._owned and self._sink is not None:
            self._sink.close()
            self._sink = None

    def _observe(self, operation: str, asked: _Line, call: Callable[[], _T]) -> tuple[_T, int]:
        """Run the call; return its result and the microseconds that it took, or record how it failed."""
        started = self._clock()
        try:
            result = call()
        except TransportError as error:
            self._write({"event": _failure(error), "error": error.code, "op": operation, **asked})
            raise
        return result, (self._clock() - started) // 1000

    def _event(self, event: str, **details: object) -> None:
        self._write({"event": event, **details})

    def _write(self, line: _Line) -> None:
        if self._sink is None:
            return
        try:
            self._sink.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._sink.flush()
        except OSError as error:
            self._sink = None
            _log.warning("the trace ends here, it cannot be written: %s", error)


def _failure(error: TransportError) -> str:
    names: dict[type[TransportError], str] = {CardRemoved: "removed", CardReset: "reset", ReaderBusy: "busy"}
    return names.get(type(error), "error")
