"""What a card connection can do, whoever provides it: one small Protocol."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from cardcore.masking import OPEN, Mask

__all__ = ["OPEN", "CardProtocol", "Mask", "Transport"]


class CardProtocol(IntEnum):
    """Transmission protocol between reader and card (ISO 7816-3)."""

    T0 = 0
    T1 = 1


class Transport(Protocol):
    """A connection to one card in one reader, below the APDU level.

    Every method raises a TransportError where the exchange fails; after CardReset the connection is
    usable again once `reconnect` was called, after CardRemoved it is not.
    """

    @property
    def name(self) -> str:
        """The reader's name; unique among the connected readers."""
        ...

    @property
    def atr(self) -> bytes:
        """The answer to reset of the card (ISO 7816-3:2006, 8)."""
        ...

    @property
    def protocol(self) -> CardProtocol:
        """The transmission protocol in use."""
        ...

    @property
    def extended_length(self) -> bool:
        """Whether the reader carries extended length APDUs (ISO 7816-3:2006, 12.1.3)."""
        ...

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Send one encoded command APDU as it is, return the encoded response (at least the status word).

        `mask` says which bytes recorders and logs must not show.
        """
        ...

    def control(self, code: int, data: bytes = b"") -> bytes:
        """Send a control code to the reader (PC/SC part 10), return its reply."""
        ...

    def begin(self) -> None:
        """Start a transaction: no other program gets at the card until `end`."""
        ...

    def end(self) -> None:
        """End the transaction. Never raises for a card that has gone."""
        ...

    def reconnect(self) -> None:
        """Take the connection up again after CardReset."""
        ...

    def reset(self) -> None:
        """Reset the card, which forgets the selected application and every verified PIN."""
        ...

    def close(self) -> None:
        """Give the card back; may be called twice."""
        ...
