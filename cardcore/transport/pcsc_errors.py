"""What the return codes of PC/SC mean, as exceptions: one table for all of them (PC/SC part 5; winscard.h)."""

from __future__ import annotations

from types import MappingProxyType

from cardcore.errors import CardRemoved, CardReset, NoCard, NoReader, NoService, ReaderBusy, TransportError

NO_READERS_AVAILABLE = 0x8010002E
TIMEOUT = 0x8010000A
UNKNOWN_READER = 0x80100009
NOT_TRANSACTED = 0x80100016

# The service is gone, or a new one knows nothing of this connection.
SERVICE_LOST = frozenset({0x80100003, 0x80100012, 0x80100013, 0x80100018, 0x8010001D, 0x8010001E})
# Worth another try after a moment: another program holds the card, or the service has no time.
BUSY = frozenset({0x8010000B, 0x80100031})

_MEANINGS: MappingProxyType[int, tuple[type[TransportError], str]] = MappingProxyType(
    {
        0x80100001: (TransportError, "the PC/SC service failed an internal check"),
        0x80100002: (TransportError, "the call was cancelled"),
        0x80100003: (TransportError, "the connection is no longer valid, the PC/SC service was restarted"),
        0x80100004: (TransportError, "the PC/SC service did not accept a parameter"),
        0x80100005: (TransportError, "the PC/SC service has no valid start-up information"),
        0x80100006: (TransportError, "the PC/SC service is out of memory"),
        0x80100007: (TransportError, "the PC/SC service waited too long for the reader"),
        0x80100008: (TransportError, "the reply is larger than the buffer for it"),
        0x80100009: (NoReader, "there is no such reader"),
        0x8010000A: (TransportError, "the time allowed has passed"),
        0x8010000B: (ReaderBusy, "another program holds the card"),
        0x8010000C: (CardRemoved, "the card is gone"),
        0x8010000D: (TransportError, "the card is not known to the system"),
        0x8010000E: (TransportError, "the reader cannot treat the card as asked when closing"),
        0x8010000F: (TransportError, "the card does not speak the protocol that was asked for"),
        0x80100010: (TransportError, "the reader or the card is not ready yet"),
        0x80100011: (TransportError, "the PC/SC service did not accept a value"),
        0x80100012: (TransportError, "the system cancelled the call, because somebody logs off or it shuts down"),
        0x80100013: (TransportError, "the communication with the PC/SC service or the reader failed"),
        0x80100014: (TransportError, "the PC/SC service failed for a reason it does not know"),
        0x80100015: (TransportError, "the card's ATR is not valid"),
        0x80100016: (TransportError, "the exchange with the card failed"),
        0x80100017: (CardRemoved, "the reader is gone"),
        0x80100018: (NoService, "the PC/SC service is shutting down"),
        0x80100019: (TransportError, "the protocol control information is too small"),
        0x8010001A: (TransportError, "the reader's driver does not support the reader"),
        0x8010001B: (TransportError, "the reader's name exists twice"),
        0x8010001C: (TransportError, "the card does not meet the reader's minimal needs"),
        0x8010001D: (NoService, "no PC/SC service is running"),
        0x8010001E: (NoService, "the PC/SC service was stopped"),
        0x8010001F: (TransportError, "the reader does not support this, or an unexpected error happened"),
        0x80100020: (TransportError, "no provider for the card is installed"),
        0x80100021: (TransportError, "the order of the providers is not valid"),
        0x80100022: (TransportError, "the reader does not support this"),
        0x80100023: (TransportError, "the directory does not exist on the card"),
        0x80100024: (TransportError, "the file does not exist on the card"),
        0x80100025: (TransportError, "the path is no directory on the card"),
        0x80100026: (TransportError, "the path is no file on the card"),
        0x80100027: (TransportError, "access was denied: a policy or missing rights forbid the use of the card"),
        0x80100028: (TransportError, "the card has no room left"),
        0x80100029: (TransportError, "the position in the file is not valid"),
        0x8010002A: (TransportError, "the PIN was refused by the system"),
        0x8010002B: (TransportError, "the PC/SC service answered with an unknown code"),
        0x8010002C: (TransportError, "the certificate does not exist"),
        0x8010002D: (TransportError, "the certificate could not be read"),
        0x8010002E: (NoReader, "no reader is connected"),
        0x8010002F: (TransportError, "data was lost on the way between reader and card"),
        0x80100030: (TransportError, "the key container does not exist"),
        0x80100031: (ReaderBusy, "the PC/SC service is too busy"),
        0x80100065: (TransportError, "the reader cannot use the card, their settings conflict"),
        0x80100066: (TransportError, "the card does not answer; it may be in the wrong way round"),
        0x80100067: (TransportError, "the card has no power"),
        0x80100068: (CardReset, "another program reset the card"),
        0x80100069: (CardRemoved, "the card was taken out"),
        0x8010006A: (TransportError, "access was denied by a security violation"),
        0x8010006B: (TransportError, "the system says that the PIN is wrong"),
        0x8010006C: (TransportError, "the system says that the PIN is blocked"),
        0x8010006D: (TransportError, "the end of the file was reached"),
        0x8010006E: (TransportError, "the person cancelled"),
        0x8010006F: (TransportError, "no PIN was given to the card"),
        0x80100070: (TransportError, "the item is not in the system's cache"),
        0x80100071: (TransportError, "the item in the system's cache is out of date"),
        0x80100072: (TransportError, "the item is too large for the system's cache"),
        # Codes of Windows itself, which drivers hand through.
        1: (TransportError, "the reader does not support this"),
        6: (TransportError, "the connection is no longer valid"),
        22: (CardRemoved, "the reader is gone"),
        31: (TransportError, "the reader does not work"),
        50: (TransportError, "the reader does not support this"),
        121: (TransportError, "the reader did not answer in time"),
        1117: (TransportError, "the communication with the reader failed"),
        1167: (CardRemoved, "the reader is gone"),
    }
)
# As long as there was no card to lose, its absence has another name.
_BEFORE_CONNECTION: MappingProxyType[int, tuple[type[TransportError], str]] = MappingProxyType(
    {
        0x8010000C: (NoCard, "there is no card in the reader"),
        0x80100017: (NoReader, "the reader is not available"),
        0x80100069: (NoCard, "there is no card in the reader"),
        22: (NoReader, "the reader is not available"),
        1167: (NoReader, "the reader is not available"),
    }
)


def error_for(code: int, where: str, *, connected: bool = True) -> TransportError:
    """The exception for a return code, signed or not, at `where`, the reader or what was done.

    `connected` says whether a connection to a card existed: what is CardRemoved then is NoCard or NoReader without.
    """
    code &= 0xFFFFFFFF
    unknown = (TransportError, "the PC/SC service answered with an unknown code")
    kind, text = _MEANINGS.get(code, unknown)
    if not connected:
        kind, text = _BEFORE_CONNECTION.get(code, (kind, text))
    return kind(f"{where}: {text} ({code:08X})")
