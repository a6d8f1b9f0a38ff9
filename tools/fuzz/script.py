"""Cards that answer from a script: what one answers is recorded, written down as bytes, changed, and played back."""

from __future__ import annotations

from cardcore.masking import OPEN, Mask
from cardcore.transport.base import CardProtocol
from cardcore.transport.wrapper import TransportWrapper

MOST_COMMANDS = 5000
_END = b"\x6a\x82"


class Unbounded(Exception):
    """A card made the driver send commands without end."""


class ScriptedCard:
    """A card whose replies are written in a script: a length of two bytes, then the reply; 6A82 when it has ended."""

    def __init__(self, script: bytes) -> None:
        self.name = "script"
        self.atr = bytes.fromhex("3B00")
        self.protocol = CardProtocol.T1
        self.extended_length = False
        self._script = script
        self._place = 0
        self._count = 0

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """The next reply."""
        self._count += 1
        if self._count > MOST_COMMANDS:
            raise Unbounded(f"more than {MOST_COMMANDS} commands")
        start = self._place + 2
        self._place = start + int.from_bytes(self._script[self._place : start])
        reply = self._script[start : self._place]
        return reply if len(reply) >= len(_END) else _END

    def control(self, code: int, data: bytes = b"") -> bytes:
        """Nothing."""
        return b""

    def begin(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""

    def reconnect(self) -> None:
        """Nothing."""

    def reset(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Scribe(TransportWrapper):
    """Writes down what a card answers, as a script."""

    script = b""

    @property
    def extended_length(self) -> bool:
        """No, as where the script is played."""
        return False

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Send the command, keep the reply."""
        reply = self.inner.transmit(command, mask)
        self.script += len(reply).to_bytes(2) + reply
        return reply
