"""From one logical command to the APDUs that carry it: chaining, GET RESPONSE, wrong Le, extended length.

ISO 7816-4:2020, 5.3.3 (command chaining), 5.3.4 (response chaining), 5.6 (61xx, 6Cxx). Everything that a card can
prolong is capped, so that a hostile one can neither loop nor exhaust memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from cardcore.apdu import MAX_EXTENDED_DATA, MAX_SHORT_DATA, CommandApdu, ResponseApdu
from cardcore.errors import NotSupported, ReaderBusy, ReplyError
from cardcore.sw import Sw
from cardcore.transport.base import OPEN, CardProtocol, Mask, Transport

MAX_RESPONSE = 256 * 1024
MAX_ROUNDS = 2048

Spans = Sequence[tuple[int, int]]
"""(start, end) offsets of secret bytes in a command's data."""

_OK = int(Sw.OK)
_CHAINING = 0x10
_GET_RESPONSE = 0xC0
_INTERINDUSTRY = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLimits:
    """Most bytes of data per short command, and whether longer commands may be chained or sent as extended ones.

    `longest` is the most data of an extended command; what is longer than that is chained.
    """

    send: int = MAX_SHORT_DATA
    chaining: bool = True
    extended: bool = False
    longest: int = MAX_EXTENDED_DATA


class Channel:
    """Sends logical commands of any length over one transport."""

    def __init__(self, transport: Transport, limits: ChannelLimits | None = None) -> None:
        self.transport = transport
        self.limits = limits or ChannelLimits()
        self._depth = 0
        self._reserved = False

    @property
    def extended(self) -> bool:
        """Whether extended length may be used: the profile, the card, the reader and the protocol allow it."""
        transport = self.transport
        return self.limits.extended and transport.extended_length and transport.protocol is not CardProtocol.T0

    @contextmanager
    def transaction(self) -> Iterator[bool]:
        """Keep other programs away from the card; may be nested. Yields whether it is the outermost one."""
        self._require_free()
        outermost = self._depth == 0
        if outermost:
            self.transport.begin()
        self._depth += 1
        try:
            yield outermost
        finally:
            self._depth -= 1
            if outermost:
                self.transport.end()

    @contextmanager
    def reserved(self) -> Iterator[Transport]:
        """The reader waits for a person. Other threads that want the card meanwhile get ReaderBusy, and do not hang."""
        self._reserved = True
        try:
            yield self.transport
        finally:
            self._reserved = False

    def _require_free(self) -> None:
        if self._reserved:
            raise ReaderBusy(
                f"{self.transport.name} waits for somebody to enter a PIN on its keypad",
                hint="Enter the PIN there or cancel, then repeat the command.",
            )

    def send(self, command: CommandApdu, secrets: Spans = (), secret_reply: bool = False) -> ResponseApdu:
        """Send one logical command and return its whole response, whatever its status word.

        `secrets` are (start, end) offsets of secret bytes in `command.data`; `secret_reply` hides the reply. Raises
        NotSupported before anything is sent if the command does not fit, ReplyError if the card misbehaves.
        """
        self._require_free()
        for last, spans in self._parts(command, secrets):
            response = self._exchange(last, spans, secret_reply)
            if response.sw != _OK:
                break
        sw1 = response.sw >> 8
        if sw1 == 0x61 and last.cla != command.cla:
            raise ReplyError("the card answered before it had the whole command")
        if sw1 == 0x6C and last.le is not None and not secrets:  # a PIN is never sent twice
            last = replace(last, le=response.sw & 0xFF)
            response = self._exchange(last, spans, secret_reply)
        if response.sw >> 8 == 0x61:
            response = self._collect(response, command.cla, secret_reply)
        return response

    def _parts(self, command: CommandApdu, secrets: Spans) -> Iterable[tuple[CommandApdu, Spans]]:
        """The command itself, as an extended one, or as a chain of short ones; always at least one."""
        size, limit = len(command.data), min(self.limits.send, MAX_SHORT_DATA)
        prolonged = size > limit or (command.le or 0) > 256
        if command.extended or (prolonged and self.extended and size <= self.limits.longest):
            return ((self._as_extended(command), secrets),)
        if size <= limit:
            return ((command, secrets),)
        if not self.limits.chaining:
            raise NotSupported(f"{size} bytes do not fit in one command of this card, which takes {limit}")
        return _chain(command, secrets, limit)

    def _as_extended(self, command: CommandApdu) -> CommandApdu:
        if not self.extended:
            raise NotSupported(
                "this command needs extended length, which the card or the reader lacks",
                hint="Use a reader that carries extended APDUs.",
            )
        if len(command.data) > MAX_EXTENDED_DATA:
            raise NotSupported(f"{len(command.data)} bytes do not fit in an extended length command")
        return replace(command, extended=True)

    def _exchange(self, command: CommandApdu, spans: Spans, secret_reply: bool) -> ResponseApdu:
        if command.le is not None and command.data and self.transport.protocol is CardProtocol.T0:
            command = replace(command, le=None)  # ISO 7816-3, 12.2.1: over T=0 the reply is fetched with GET RESPONSE
        mask = OPEN
        if spans or secret_reply:
            offset = command.data_offset
            mask = Mask(command=tuple((offset + a, offset + b) for a, b in spans), reply=secret_reply)
        return ResponseApdu.decode(self.transport.transmit(command.encode(), mask))

    def _collect(self, response: ResponseApdu, cla: int, secret_reply: bool) -> ResponseApdu:
        """Fetch the rest of a response with GET RESPONSE (ISO 7816-4:2020, 11.8.1)."""
        cla = 0x00 if cla & _INTERINDUSTRY else cla & ~_CHAINING
        data = bytearray(response.data)
        for _ in range(MAX_ROUNDS):
            if response.sw >> 8 not in (0x61, 0x6C):
                return ResponseApdu(data=bytes(data), sw=response.sw)
            command = CommandApdu(cla=cla, ins=_GET_RESPONSE, le=response.sw & 0xFF)
            response = self._exchange(command, (), secret_reply)
            data += response.data
            if len(data) > MAX_RESPONSE or (response.sw >> 8 == 0x61 and not response.data):
                break
        raise ReplyError(f"the card's response does not end within {MAX_RESPONSE} bytes")


def _chain(command: CommandApdu, secrets: Spans, limit: int) -> Iterator[tuple[CommandApdu, Spans]]:
    """Commands with at most `limit` bytes of the data each; all but the last say that more follows."""
    size = len(command.data)
    for start in range(0, size, limit):
        end = min(start + limit, size)
        final = end == size
        part = CommandApdu(
            cla=command.cla if final else command.cla | _CHAINING,
            ins=command.ins,
            p1=command.p1,
            p2=command.p2,
            data=command.data[start:end],
            le=command.le if final else None,
        )
        yield part, _window(secrets, start, end) if secrets else ()


def _window(spans: Spans, start: int, end: int) -> Spans:
    """The parts of the spans that lie in [start, end), relative to start."""
    clipped = ((max(a, start), min(b, end)) for a, b in spans)
    return [(a - start, b - start) for a, b in clipped if a < b]
