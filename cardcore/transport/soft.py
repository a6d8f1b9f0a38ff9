"""A software card in this process as a transport."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self

from cardcore.errors import TransportError
from cardcore.transport.base import OPEN, CardProtocol, Mask


class CardInProcess(Protocol):
    """What a software card offers: the four things that a card slot can do with a card."""

    @property
    def atr(self) -> bytes:
        """The answer to reset (ISO 7816-3:2006, 8)."""
        ...

    def process(self, command: bytes) -> bytes:
        """Answer one encoded command APDU with an encoded response."""
        ...

    def reset(self) -> None:
        """Forget what a reset makes a card forget."""
        ...

    def power_off(self) -> None:
        """Forget what a loss of power makes a card forget."""
        ...


class SoftTransport:
    """Connection to a software card; its name is `soft:` and the card's name.

    There is no reader: `control` fails, and a transaction keeps nobody out, because the card belongs to this object.
    """

    def __init__(self, card: CardInProcess, name: str) -> None:
        self._card = card
        self._name = f"soft:{name}"
        self._open = True

    @classmethod
    def open(cls, name: str, directory: Path | None = None) -> Self:
        """Power up the software card that is kept under this name; NoReader if there is none."""
        from cardcore.softcard import SoftCardStore

        return cls(SoftCardStore(directory).open(name), name)

    @property
    def name(self) -> str:
        """`soft:NAME`."""
        return self._name

    @property
    def atr(self) -> bytes:
        """The answer to reset of the card (ISO 7816-3:2006, 8)."""
        return self._card.atr

    @property
    def protocol(self) -> CardProtocol:
        """T=1: a command reaches the card whole."""
        return CardProtocol.T1

    @property
    def extended_length(self) -> bool:
        """Always true: no reader is in between."""
        return True

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Send one encoded command APDU, return the encoded response; TransportError after `close`."""
        self._require_open()
        try:
            reply = self._card.process(command)
        except OSError as error:
            raise TransportError(
                f"the file of {self._name} cannot be used: {error}", hint="Check the file and its permissions."
            ) from error
        if len(reply) < 2:
            raise TransportError(f"{self._name} answered with {len(reply)} bytes, which hold no status word")
        return reply

    def control(self, code: int, data: bytes = b"") -> bytes:
        """Fail with TransportError: a software card has no reader that could be controlled."""
        raise TransportError(f"{self._name} has no reader that takes control codes", hint="Use a PC/SC reader.")

    def begin(self) -> None:
        """Start a transaction; TransportError after `close`."""
        self._require_open()

    def end(self) -> None:
        """End the transaction; nothing has to be done."""

    def reconnect(self) -> None:
        """Take the connection up again; it cannot have been lost, but for `close`."""
        self._require_open()

    def reset(self) -> None:
        """Reset the card, which forgets the selected application and every verified PIN."""
        self._require_open()
        self._card.reset()

    def close(self) -> None:
        """Take the power from the card; may be called twice."""
        if self._open:
            self._open = False
            self._card.power_off()

    def _require_open(self) -> None:
        if not self._open:
            raise TransportError(f"{self._name} was closed", hint="Open the card again.")
