"""The part that transports around another transport have in common: every call goes on to the inner one."""

from __future__ import annotations

from cardcore.transport.base import OPEN, CardProtocol, Mask, Transport


class TransportWrapper:
    """A transport that hands every call on; subclasses override what they watch or change."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        """The inner transport's name."""
        return self.inner.name

    @property
    def atr(self) -> bytes:
        """The card's answer to reset."""
        return self.inner.atr

    @property
    def protocol(self) -> CardProtocol:
        """The transmission protocol in use."""
        return self.inner.protocol

    @property
    def extended_length(self) -> bool:
        """Whether the reader carries extended length APDUs."""
        return self.inner.extended_length

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Send one encoded command APDU, return the encoded response."""
        return self.inner.transmit(command, mask)

    def control(self, code: int, data: bytes = b"") -> bytes:
        """Send a control code to the reader, return its reply."""
        return self.inner.control(code, data)

    def begin(self) -> None:
        """Start a transaction."""
        self.inner.begin()

    def end(self) -> None:
        """End the transaction."""
        self.inner.end()

    def reconnect(self) -> None:
        """Take the connection up again after CardReset."""
        self.inner.reconnect()

    def reset(self) -> None:
        """Reset the card."""
        self.inner.reset()

    def close(self) -> None:
        """Give the card back."""
        self.inner.close()
