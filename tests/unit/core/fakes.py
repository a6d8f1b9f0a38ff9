"""Fake cards for the tests of the core: a transport whose answers a test writes down, or computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cardcore.apdu import CommandApdu
from cardcore.errors import CardReset, TransportError
from cardcore.transport.base import OPEN, CardProtocol, Mask

Answer = str | bytes | TransportError
Handler = Callable[[CommandApdu], Answer]


class FakeTransport:
    """A card that answers what `handler` says: bytes, hexadecimal, or an error to raise.

    `sent` holds every command as bytes, `masks` the mask of each, `events` everything that happened in order.
    `another_resets` is what another program does: the next call raises CardReset until `reconnect`.
    """

    def __init__(
        self, handler: Handler, *, protocol: CardProtocol = CardProtocol.T1, extended_length: bool = False
    ) -> None:
        self.name = "fake"
        self.atr = bytes.fromhex("3B00")
        self.protocol = protocol
        self.extended_length = extended_length
        self.sent: list[bytes] = []
        self.masks: list[Mask] = []
        self.events: list[str] = []
        self._handler = handler
        self._reset = False

    @property
    def commands(self) -> list[CommandApdu]:
        """Every command sent, decoded."""
        return [CommandApdu.decode(raw) for raw in self.sent]

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Write the command down and answer it."""
        self._require_working()
        self.sent.append(command)
        self.masks.append(mask)
        self.events.append("transmit")
        answer = self._handler(CommandApdu.decode(command))
        if isinstance(answer, TransportError):
            self._reset = isinstance(answer, CardReset)
            raise answer
        return bytes.fromhex(answer) if isinstance(answer, str) else answer

    def control(self, code: int, data: bytes = b"") -> bytes:
        """No reader takes control codes here."""
        raise TransportError("no control")

    def begin(self) -> None:
        """Begin a transaction; CardReset if another program reset the card."""
        self._require_working()
        self.events.append("begin")

    def end(self) -> None:
        """End it."""
        self.events.append("end")

    def reconnect(self) -> None:
        """Take up the card again."""
        self._reset = False
        self.events.append("reconnect")

    def reset(self) -> None:
        """Reset the card by our own hand."""
        self.events.append("reset")

    def close(self) -> None:
        """Close."""
        self.events.append("close")

    def another_resets(self) -> None:
        """Another program resets the card."""
        self._reset = True

    def _require_working(self) -> None:
        if self._reset:
            raise CardReset("another program reset the card")


def scripted(*answers: Answer) -> Handler:
    """Answers in order; a command too many is an error of the test."""
    waiting: Iterator[Answer] = iter(answers)

    def handler(command: CommandApdu) -> Answer:
        answer = next(waiting, None)
        assert answer is not None, f"unexpected command {command}"
        return answer

    return handler


def always(answer: Answer) -> Handler:
    """The same answer to everything."""
    return lambda command: answer


def hexes(sent: Sequence[bytes]) -> list[str]:
    """Commands as upper-case hexadecimal."""
    return [raw.hex().upper() for raw in sent]
