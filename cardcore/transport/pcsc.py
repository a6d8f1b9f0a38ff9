"""Cards in PC/SC readers, on the function level of pyscard: connect, list, watch.

The only module that knows pyscard, and that bytes are lists of ints there. Importing it opens nothing. Each
connection has a context of its own, so connections may be used from different threads. Cards are shared with
other programs always; who needs the card alone for a moment begins a transaction.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from smartcard import scard

from cardcore.errors import CardRemoved, CardReset, NoService, ReplyError, TransportError
from cardcore.transport.base import OPEN, CardProtocol, Mask
from cardcore.transport.pcsc_errors import (
    BUSY,
    NO_READERS_AVAILABLE,
    NOT_TRANSACTED,
    SERVICE_LOST,
    TIMEOUT,
    UNKNOWN_READER,
    error_for,
)
from cardcore.transport.readers import ReaderState, properties

if TYPE_CHECKING:
    from cardcore.transport.reader_details import ReaderDetails
    from cardcore.transport.reader_events import ReaderEvent

BUSY_TIMEOUT = 3.0
_REMOVAL_TIMEOUT = 0.6  # the service looks for cards every 0.4 seconds where the reader does not tell it
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.2
_WATCH_SLICE = 0.25  # seconds; a wait inside PC/SC does not see Ctrl-C, so it is cut into slices
_PNP_READER = "\\\\?PnP?\\Notification"
_ANY_PROTOCOL = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
_GET_FEATURES = 3400  # PC/SC part 10: CM_IOCTL_GET_FEATURE_REQUEST
_FEATURE_TLV_PROPERTIES = 0x12
_PROPERTY_MAX_APDU_SIZE = 0x0A
_MAX_SHORT_APDU = 261

_Seen = tuple[str, int, list[int]]


class PcscTransport:
    """A shared connection to the card in one reader; made by `connect`.

    A call that finds the card held exclusively is repeated for `busy_timeout` seconds, then it is ReaderBusy. The
    end of another program's transaction is waited for inside PC/SC, however long that takes.

    After CardRemoved every call fails like that, also with the same card in the reader again: PC/SC calls a card that
    was exchanged merely reset, and what the program knows of the old card must not be taken for true of the new one.
    """

    def __init__(self, context: int, reader: str, *, reset_on_close: bool, busy_timeout: float) -> None:
        self._context = context
        self._name = reader
        self._busy_timeout = busy_timeout
        self._disposition = scard.SCARD_RESET_CARD if reset_on_close else scard.SCARD_LEAVE_CARD
        self._extended: bool | None = None
        self._gone = False
        self._events = _card_events(context, reader)
        for _ in _tries(busy_timeout):
            code, self._card, protocol = scard.SCardConnect(context, reader, scard.SCARD_SHARE_SHARED, _ANY_PROTOCOL)
            if code & 0xFFFFFFFF not in BUSY:
                break
        if code:
            raise error_for(code, reader, connected=False)
        self._take_up(protocol)

    @property
    def name(self) -> str:
        """The reader's name; unique among the connected readers."""
        return self._name

    @property
    def atr(self) -> bytes:
        """The answer to reset of the card (ISO 7816-3:2006, 8), as of the last connect, reconnect or reset."""
        return self._atr

    @property
    def protocol(self) -> CardProtocol:
        """The transmission protocol in use."""
        return self._protocol

    @property
    def extended_length(self) -> bool:
        """Whether the reader carries extended length APDUs (ISO 7816-3:2006, 12.1.3). Asked once.

        Over T=0 never. Else the reader's own word counts (PC/SC part 10: dwMaxAPDUDataSize in its TLV properties);
        where it gives none, the card's, because a card that takes them is seldom in a reader that does not; where the
        card says nothing either, yes.
        """
        if self._extended is None:
            self._extended = self.protocol is CardProtocol.T1 and self._carries_extended()
        return self._extended

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        """Send one encoded command APDU as it is, return the encoded response (at least the status word)."""
        for _ in _tries(self._busy_timeout):
            code, reply = scard.SCardTransmit(self._card, self._pci, list(command))
            if code & 0xFFFFFFFF not in BUSY:
                break
        self._check(code)
        if len(reply) < 2:
            raise TransportError(f"{self._name}: a response of {len(reply)} bytes holds no status word")
        return bytes(reply)

    def control(self, code: int, data: bytes = b"") -> bytes:
        """Send a control code to the reader (PC/SC part 10), return its reply."""
        status, reply = scard.SCardControl(self._card, code, list(data))
        if status & 0xFFFFFFFF == NOT_TRANSACTED:
            self._gone = self._gone or self._removed_meanwhile()
        self._check(status)
        return bytes(reply)

    def begin(self) -> None:
        """Start a transaction: no other program gets at the card until `end`."""
        for _ in _tries(self._busy_timeout):
            code = scard.SCardBeginTransaction(self._card)
            if code & 0xFFFFFFFF not in BUSY:
                break
        self._check(code)

    def end(self) -> None:
        """End the transaction and leave the card as it is. Never raises: the card may have gone."""
        scard.SCardEndTransaction(self._card, scard.SCARD_LEAVE_CARD)

    def reconnect(self) -> None:
        """Take the connection up again after CardReset; the card stays as the reset left it."""
        self._reconnect(scard.SCARD_LEAVE_CARD)

    def reset(self) -> None:
        """Reset the card (a warm reset), which forgets the selected application and every verified PIN."""
        self._reconnect(scard.SCARD_RESET_CARD)

    def close(self) -> None:
        """Give the card back, as it is or reset; may be called twice."""
        if self._context:
            scard.SCardDisconnect(self._card, self._disposition)
            scard.SCardReleaseContext(self._context)
            self._context = 0

    def attribute(self, number: int) -> bytes | None:
        """An attribute of the reader, SCARD_ATTR_* of PC/SC part 3, or None if its driver has no such attribute."""
        code, value = scard.SCardGetAttrib(self._card, number)
        return None if code else bytes(value)

    def details(self) -> ReaderDetails:
        """Who made the reader, and which one it is."""
        from cardcore.transport.reader_details import reader_details

        return reader_details(
            vendor=self.attribute(scard.SCARD_ATTR_VENDOR_NAME),
            model=self.attribute(scard.SCARD_ATTR_VENDOR_IFD_TYPE),
            version=self.attribute(scard.SCARD_ATTR_VENDOR_IFD_VERSION),
            serial=self.attribute(scard.SCARD_ATTR_VENDOR_IFD_SERIAL_NO),
        )

    def _take_up(self, protocol: int) -> None:
        self._protocol = CardProtocol.T0 if protocol == scard.SCARD_PROTOCOL_T0 else CardProtocol.T1
        self._pci = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        code, _, _, _, atr = scard.SCardStatus(self._card)
        if code:
            scard.SCardDisconnect(self._card, scard.SCARD_LEAVE_CARD)
            raise error_for(code, self._name)
        self._atr = bytes(atr)

    def _reconnect(self, initialisation: int) -> None:
        self._require_same_card()
        for _ in _tries(self._busy_timeout):
            code, protocol = scard.SCardReconnect(self._card, scard.SCARD_SHARE_SHARED, _ANY_PROTOCOL, initialisation)
            if code & 0xFFFFFFFF not in BUSY:
                break
        self._check(code)
        self._take_up(protocol)
        self._require_same_card()  # it may have been exchanged since the first look

    def _require_same_card(self) -> None:
        self._gone = self._gone or _card_events(self._context, self._name) != self._events
        if self._gone:
            scard.SCardDisconnect(self._card, scard.SCARD_LEAVE_CARD)  # nothing more goes to the new one
            raise CardRemoved(f"{self._name}: the card was taken out")

    def _check(self, code: int) -> None:
        if not code:
            return
        error = error_for(code, self._name)
        self._gone = self._gone or isinstance(error, CardRemoved)
        if self._gone and not isinstance(error, CardRemoved):
            raise CardRemoved(f"{self._name}: the card was taken out") from error
        raise error

    def _removed_meanwhile(self) -> bool:
        """Whether the card went during a long call; the service notices that after the call only."""
        return any(_card_events(self._context, self._name) != self._events for _ in _tries(_REMOVAL_TIMEOUT))

    def _carries_extended(self) -> bool:
        size = self._max_apdu_size()
        if size is not None:
            return size > _MAX_SHORT_APDU
        from cardcore import atr as answer_to_reset

        try:
            capabilities = answer_to_reset.parse(self.atr).capabilities
        except ReplyError:
            capabilities = None
        said = capabilities.extended_length if capabilities else None
        return said is None or said

    def _max_apdu_size(self) -> int | None:
        """What the reader says that it carries, in bytes; None if it says nothing."""
        try:
            features = properties(self.control(scard.SCARD_CTL_CODE(_GET_FEATURES)))
            code = features.get(_FEATURE_TLV_PROPERTIES)
            if not code:
                return None
            size = properties(self.control(int.from_bytes(code, "big"))).get(_PROPERTY_MAX_APDU_SIZE)
        except (CardRemoved, CardReset, NoService):
            raise
        except TransportError:
            return None
        return int.from_bytes(size, "little") if size else None


def connect(reader: str, *, reset_on_close: bool = False, busy_timeout: float = BUSY_TIMEOUT) -> PcscTransport:
    """Connect to the card in the reader of this name.

    NoReader, NoCard, NoService, ReaderBusy (another program holds it exclusively), or another TransportError where
    the card does not answer. The card is left as it is at the end, with its PINs verified, unless `reset_on_close`.
    """
    context = begin_context()
    try:
        return PcscTransport(context, reader, reset_on_close=reset_on_close, busy_timeout=busy_timeout)
    except BaseException:
        scard.SCardReleaseContext(context)
        raise


def control_reader(reader: str, code: int, data: bytes = b"") -> bytes:
    """Send a control code to a reader, with or without a card in it (SCARD_SHARE_DIRECT, for this one call)."""
    with _context() as context:
        status, card, _ = scard.SCardConnect(context, reader, scard.SCARD_SHARE_DIRECT, 0)
        if status:
            raise error_for(status, reader, connected=False)
        status, reply = scard.SCardControl(card, code, list(data))
        scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
    if status:
        raise error_for(status, reader, connected=False)
    return bytes(reply)


def list_readers() -> list[ReaderState]:
    """Every reader with what is in it; empty if there is none. NoService if no PC/SC service is running."""
    with _context() as context:
        return states(context)


def states(context: int) -> list[ReaderState]:
    """The readers as `list_readers`, in a context that lasts: see `reader_list`."""
    return [_state(entry) for entry in _look(context, [], 0.0)]


def watch(timeout: float | None = None, *, stop: threading.Event | None = None) -> Iterator[ReaderEvent]:
    """Yield what happens to readers and cards, beginning with those that are there: nothing is lost in between.

    Ends after `timeout` seconds, never if that is None, or soon after `stop` is set; Ctrl-C is heard in between.
    NoService if no PC/SC service is running at first. When one stops later, its cards and readers are reported as
    removed, and watching goes on as soon as a service is there again.
    """
    from cardcore.transport.reader_events import changes

    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    stop = stop or threading.Event()
    seen: list[_Seen] = []
    context = begin_context()
    try:
        while not stop.is_set() and (left := deadline - time.monotonic()) > 0:
            before = _by_name(seen)
            try:
                context = context or begin_context()
                seen = _look(context, seen, min(left, _WATCH_SLICE))
            except NoService:
                context, seen = end_context(context), []
                stop.wait(min(left, _WATCH_SLICE))
            yield from changes(before, _by_name(seen))
    finally:
        end_context(context)


def _look(context: int, seen: list[_Seen], seconds: float) -> list[_Seen]:
    """The readers now; waits for something to differ from `seen`, but not longer than `seconds`."""
    names = _reader_names(context)
    changed = names != [name for name, _, _ in seen]
    if changed:
        asked = [(name, scard.SCARD_STATE_UNAWARE) for name in names]
    else:
        asked = [(name, state) for name, state, _ in seen]
        if sys.platform != "darwin":  # macOS has no such reader; there the slices have to do
            asked.append((_PNP_READER, len(names) << 16))
    if not asked:
        time.sleep(0 if changed else seconds)
        return []
    code, states = scard.SCardGetStatusChange(context, 0 if changed else int(seconds * 1000), asked)
    code &= 0xFFFFFFFF
    if code == TIMEOUT and not changed:
        return seen
    if code == UNKNOWN_READER:  # it went between the two calls; the next look has the new list
        time.sleep(_FIRST_PAUSE)
        return seen
    _check_listing(code)
    found = [entry for entry in states if entry[0] != _PNP_READER]
    return [(name, state & ~scard.SCARD_STATE_CHANGED, atr) for name, state, atr in found]


def _card_events(context: int, reader: str) -> int:
    """How often a card came or went; 0 where the system does not count, or does not know the reader."""
    code, states = scard.SCardGetStatusChange(context, 0, [(reader, scard.SCARD_STATE_UNAWARE)])
    return 0 if code else states[0][1] >> 16


def _reader_names(context: int) -> list[str]:
    code, names = scard.SCardListReaders(context, [])
    code &= 0xFFFFFFFF
    if code == NO_READERS_AVAILABLE:
        return []
    _check_listing(code)
    return names


def _check_listing(code: int) -> None:
    if code in SERVICE_LOST:
        raise NoService(f"the PC/SC service has gone ({code:08X})")
    if code:
        raise error_for(code, "list of readers", connected=False)


def _by_name(seen: list[_Seen]) -> dict[str, ReaderState]:
    return {entry[0]: _state(entry) for entry in seen}


def _state(entry: _Seen) -> ReaderState:
    name, state, atr = entry
    present = bool(state & scard.SCARD_STATE_PRESENT)
    return ReaderState(
        name=name,
        present=present,
        atr=bytes(atr) if present else b"",
        mute=bool(state & scard.SCARD_STATE_MUTE),
        in_use=bool(state & (scard.SCARD_STATE_INUSE | scard.SCARD_STATE_EXCLUSIVE)),
        events=state >> 16 & 0xFFFF,
    )


@contextmanager
def _context() -> Iterator[int]:
    context = begin_context()
    try:
        yield context
    finally:
        end_context(context)


def begin_context() -> int:
    """Begin a context with the service."""
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code & 0xFFFFFFFF in SERVICE_LOST:
        raise NoService(f"no PC/SC service is running ({code & 0xFFFFFFFF:08X})")
    if code:
        raise error_for(code, "PC/SC service", connected=False)
    return context


def end_context(context: int) -> int:
    """End a context if it is one; answers 0, which is none."""
    if context:
        scard.SCardReleaseContext(context)
    return 0


def _tries(seconds: float) -> Iterator[None]:
    """Once at once, then again after longer and longer pauses until the time is over."""
    yield
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        yield
        pause = min(2 * pause, _LONGEST_PAUSE)
