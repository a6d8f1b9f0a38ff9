"""APDUs in the log: at DEBUG, on the logger `cardcore.apdu`, without secrets."""

from __future__ import annotations

import logging
from time import perf_counter_ns

from cardcore.errors import TransportError
from cardcore.masking import ChainMasker, redact, redact_reply
from cardcore.sw import meaning
from cardcore.transport.base import OPEN, Mask, Transport
from cardcore.transport.wrapper import TransportWrapper

LOGGER_NAME = "cardcore.apdu"

_log = logging.getLogger(LOGGER_NAME)


class LoggingTransport(TransportWrapper):
    """Logs every exchange of the inner transport: command, reply, status word in words, milliseconds."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self._masker = ChainMasker()

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Send one encoded command APDU, return the encoded response."""
        whole = self._masker.mask(command, mask)  # before the level is looked at: it has to see whole chains
        if not _log.isEnabledFor(logging.DEBUG):
            return self.inner.transmit(command, mask)
        _log.debug("> %s", redact(command, whole))
        started = perf_counter_ns()
        try:
            reply = self.inner.transmit(command, mask)
        except TransportError as error:
            _log.debug("! %s: %s", error.code, error.message)
            raise
        elapsed = (perf_counter_ns() - started) / 1e6
        _log.debug("< %s (%s, %.1f ms)", redact_reply(reply, whole), meaning(int.from_bytes(reply[-2:])), elapsed)
        return reply

    def control(self, code: int, data: bytes = b"") -> bytes:
        """Send a control code to the reader, return its reply."""
        _log.debug("> control %08X %s", code, data.hex())
        try:
            reply = self.inner.control(code, data)
        except TransportError as error:
            _log.debug("! %s: %s", error.code, error.message)
            raise
        _log.debug("< %s", reply.hex())
        return reply

    def reconnect(self) -> None:
        """Take the connection up again after CardReset."""
        self.inner.reconnect()
        _log.debug("= connected again, ATR %s", self.inner.atr.hex())

    def reset(self) -> None:
        """Reset the card."""
        self.inner.reset()
        _log.debug("= reset, ATR %s", self.inner.atr.hex())
