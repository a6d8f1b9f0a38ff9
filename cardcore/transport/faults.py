"""Test doubles around any transport: one that counts exchanges, and one that makes a chosen exchange fail."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

from cardcore.errors import CardRemoved, CardReset, ReaderBusy, TransportError
from cardcore.transport.base import OPEN, Mask, Transport
from cardcore.transport.wrapper import TransportWrapper

_GARBLE = 0x5A


class FaultKind(StrEnum):
    """What goes wrong at an exchange."""

    REMOVED_BEFORE = "removed-before"  # the card never sees the command
    REMOVED_AFTER = "removed-after"  # the card has executed the command, its reply is lost
    RESET = "reset"  # another program resets the card before the command reaches it
    BUSY = "busy"  # another program holds the card; the command is not sent
    STATUS = "status"  # a status word in place of the card's reply; the command is not sent
    TRUNCATED = "truncated"  # only the first `size` bytes of the reply's data field arrive
    GARBLED = "garbled"  # every byte of the reply's data field is another one
    OVERSIZED = "oversized"  # the reply's data field grows to `size` bytes
    DELAY = "delay"  # the exchange takes `seconds` longer


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """What to inject, and at which exchanges.

    `at` is the first exchange that fails, counted from 1, and `times` how many fail from there on. `sw` belongs
    to STATUS, `size` in bytes to TRUNCATED and OVERSIZED, `seconds` to DELAY. Status words stay as they are
    in every changed reply.
    """

    kind: FaultKind
    at: int = 1
    times: int = 1
    sw: int = 0x6F00
    size: int = 0
    seconds: float = 0.0

    def covers(self, exchange: int) -> bool:
        """Whether the exchange with this number, counted from 1, is to fail."""
        return self.at <= exchange < self.at + self.times


class CountingTransport(TransportWrapper):
    """Counts the commands that are sent through it."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self._count = 0

    @property
    def count(self) -> int:
        """How many exchanges were begun, failed ones included."""
        return self._count

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Count the command, and send it."""
        self._count += 1
        return self.inner.transmit(command, mask)


class FaultTransport(CountingTransport):
    """Fails as planned; the first plan that covers an exchange counts.

    A removed card stays away: every later call raises CardRemoved, but for `end` and `close`. After a reset every
    call raises CardReset until `reconnect`, and the inner card has really been reset.
    """

    def __init__(self, inner: Transport, *plans: FaultPlan) -> None:
        super().__init__(inner)
        self._plans = plans
        self._failure: type[TransportError] | None = None

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Send the command, or do what the plan for this exchange says."""
        self._count += 1
        self._require_working()
        plan = next((plan for plan in self._plans if plan.covers(self._count)), None)
        if plan is None:
            return self.inner.transmit(command, mask)
        self._fail_before(plan)
        if plan.kind is FaultKind.STATUS:
            return plan.sw.to_bytes(2)
        reply = self.inner.transmit(command, mask)
        if plan.kind is FaultKind.REMOVED_AFTER:
            self._remove()
        return _changed(reply[:-2], plan) + reply[-2:]

    def control(self, code: int, data: bytes = b"") -> bytes:
        """Send a control code to the reader, unless the card is gone or was reset."""
        self._require_working()
        return self.inner.control(code, data)

    def begin(self) -> None:
        """Start a transaction, unless the card is gone or was reset."""
        self._require_working()
        self.inner.begin()

    def reconnect(self) -> None:
        """Take the connection up again after CardReset; a removed card stays away."""
        if self._failure is CardReset:
            self._failure = None
        self._require_working()
        self.inner.reconnect()

    def reset(self) -> None:
        """Reset the card, unless it is gone or was reset."""
        self._require_working()
        self.inner.reset()

    def _require_working(self) -> None:
        if self._failure is not None:
            raise self._failure(f"injected fault: {self._failure.code}")

    def _fail_before(self, plan: FaultPlan) -> None:
        match plan.kind:
            case FaultKind.REMOVED_BEFORE:
                self._remove()
            case FaultKind.RESET:
                self.inner.reset()
                self._failure = CardReset
                self._require_working()
            case FaultKind.BUSY:
                raise ReaderBusy("injected fault: another program holds the card")
            case FaultKind.DELAY:
                time.sleep(plan.seconds)

    def _remove(self) -> None:
        self.inner.reset()  # without power the card forgets what it forgets at a reset
        self._failure = CardRemoved
        self._require_working()


def _changed(data: bytes, plan: FaultPlan) -> bytes:
    match plan.kind:
        case FaultKind.TRUNCATED:
            return data[: plan.size]
        case FaultKind.GARBLED:
            return bytes(byte ^ _GARBLE for byte in data)
        case FaultKind.OVERSIZED:
            return (data or b"\x00").ljust(plan.size, b"\x00")
        case _:
            return data
