"""What the PC/SC transport makes of the answers of pyscard, with a service that answers as told.

Only what a virtual reader cannot show; the rest is shown on real pcscd in tests/simulated.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from smartcard import scard

from cardcore.errors import CardRemoved, CardReset, NoCard, NoReader, NoService, ReaderBusy, TransportError
from cardcore.transport import pcsc
from cardcore.transport.base import CardProtocol
from cardcore.transport.reader_events import EventKind

READER = "Reader 1"
SILENT_ATR = list(bytes.fromhex("3B80800101"))
SHORT_ONLY_ATR = list(bytes.fromhex("3B8580018073C00180B6"))
MALFORMED_ATR = [0x3B]
GET_FEATURES = scard.SCARD_CTL_CODE(3400)
GET_PROPERTIES = 0x42000DB2
FEATURES = [0x06, 4, 0x42, 0, 0x0D, 0xB1, 0x12, 4, 0x42, 0, 0x0D, 0xB2]
PRESENT = scard.SCARD_STATE_PRESENT

Answer = Any  # what a function of pyscard answers, or a function that makes it


class Service:
    """Stands in for `smartcard.scard`: constants are the real ones, each function gives its answers in turn.

    The last answer of a function is given for ever.
    """

    def __init__(self, **answers: Sequence[Answer]) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._answers: dict[str, list[Answer]] = {
            "SCardEstablishContext": [(0, 77)],
            "SCardReleaseContext": [0],
            "SCardConnect": [(0, 99, scard.SCARD_PROTOCOL_T1)],
            "SCardDisconnect": [0],
            "SCardStatus": [(0, READER, 0, 0, SILENT_ATR)],
            "SCardGetStatusChange": [(0, [(READER, 1 << 16 | PRESENT, SILENT_ATR)])],
            "SCardListReaders": [(0, [READER])],
            **{name: list(given) for name, given in answers.items()},
        }

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- a constant, or a function of pyscard
        if not name.startswith("SCard"):
            return getattr(scard, name)

        def call(*arguments: object) -> Answer:
            self.calls.append((name, *arguments))
            answers = self._answers[name]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            return answer(*arguments) if callable(answer) else answer

        return call

    def called(self, name: str) -> int:
        """How often a function was called."""
        return sum(call[0] == name for call in self.calls)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Service], Service]:
    def put_in_place(service: Service) -> Service:
        monkeypatch.setattr(pcsc, "scard", service)
        return service

    return put_in_place


Serve = Callable[[Service], Service]


@pytest.mark.parametrize("signed", [False, True])
def test_a_held_card_is_tried_again(serve: Serve, signed: bool) -> None:
    busy = scard.SCARD_E_SHARING_VIOLATION - ((1 << 32) if signed else 0)
    service = serve(
        Service(
            SCardConnect=[(busy, 0, 0), (0, 99, scard.SCARD_PROTOCOL_T1)],
            SCardTransmit=[(busy, []), (busy, []), (0, [0x90, 0x00])],
            SCardBeginTransaction=[busy, 0],
            SCardReconnect=[(busy, 0), (0, scard.SCARD_PROTOCOL_T0)],
        )
    )
    card = pcsc.connect(READER)
    assert card.transmit(b"\x00\xa4\x04\x00") == b"\x90\x00"
    card.begin()
    card.reset()
    assert card.protocol is CardProtocol.T0
    names = ("SCardConnect", "SCardTransmit", "SCardBeginTransaction", "SCardReconnect")
    assert [service.called(name) for name in names] == [2, 3, 2, 2]


def test_a_card_that_stays_held(serve: Serve) -> None:
    busy = scard.SCARD_E_SHARING_VIOLATION
    service = serve(Service(SCardTransmit=[(busy, [])]))
    with pytest.raises(ReaderBusy):
        pcsc.connect(READER, busy_timeout=0.05).transmit(b"\x00\xa4\x04\x00")
    assert 2 <= service.called("SCardTransmit") < 20


def test_failures_of_the_card(serve: Serve) -> None:
    failed = scard.SCARD_E_NOT_TRANSACTED
    serve(Service(SCardTransmit=[(failed, []), (0, [0x90]), (scard.SCARD_W_RESET_CARD, []), (0x80104242, [])]))
    card = pcsc.connect(READER)
    with pytest.raises(TransportError, match="exchange with the card failed"):
        card.transmit(b"\x00\xa4\x04\x00")
    with pytest.raises(TransportError, match="1 bytes holds no status word"):
        card.transmit(b"\x00\xa4\x04\x00")
    with pytest.raises(CardReset):
        card.transmit(b"\x00\xa4\x04\x00")
    with pytest.raises(TransportError, match="unknown code"):
        card.transmit(b"\x00\xa4\x04\x00")


def test_a_removed_card_is_never_merely_reset(serve: Serve) -> None:
    service = serve(Service(SCardTransmit=[(scard.SCARD_W_REMOVED_CARD, []), (scard.SCARD_W_RESET_CARD, [])]))
    card = pcsc.connect(READER)
    for _ in range(2):
        with pytest.raises(CardRemoved):
            card.transmit(b"\x00\xa4\x04\x00")
    with pytest.raises(CardRemoved):
        card.reconnect()
    assert not service.called("SCardReconnect")


@pytest.mark.parametrize("call", ["reconnect", "reset"])
def test_a_card_that_is_exchanged_during_a_reconnection(serve: Serve, call: str) -> None:
    """Between the look at the reader and the reconnection itself: PC/SC takes the new card for the old one, reset."""
    here, later = ((0, [(READER, count << 16 | PRESENT, SILENT_ATR)]) for count in (1, 3))
    service: Service = Service(
        SCardGetStatusChange=[here, here, later],
        SCardReconnect=[(0, scard.SCARD_PROTOCOL_T1)],
        SCardTransmit=[
            (scard.SCARD_W_RESET_CARD, []),
            lambda *_: (scard.SCARD_E_INVALID_HANDLE if service.called("SCardDisconnect") else 0, [0x90, 0x00]),
        ],
    )
    serve(service)
    card = pcsc.connect(READER)
    with pytest.raises(CardReset):
        card.transmit(b"\x00\xa4\x04\x00")
    for _ in range(2):
        with pytest.raises(CardRemoved):
            getattr(card, call)()
        with pytest.raises(CardRemoved):
            card.transmit(b"\x00\xa4\x04\x00")


def test_a_card_that_goes_while_it_is_connected(serve: Serve) -> None:
    service = serve(Service(SCardStatus=[(scard.SCARD_W_REMOVED_CARD, "", 0, 0, [])]))
    with pytest.raises(CardRemoved):
        pcsc.connect(READER)
    assert service.called("SCardDisconnect") == service.called("SCardReleaseContext") == 1


def control_answers(features: list[int], properties: list[int]) -> list[Answer]:
    def answer(handle: int, code: int, data: list[int]) -> tuple[int, list[int]]:
        assert (handle, data) == (99, [])
        return 0, features if code == GET_FEATURES else properties if code == GET_PROPERTIES else []

    return [answer]


SIZE_EXTENDED = [0x06, 1, 4, 0x0A, 4, 0, 0, 1, 0]
SIZE_SHORT = [0x0A, 4, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("atr", "control", "expected"),
    [
        (SHORT_ONLY_ATR, control_answers(FEATURES, SIZE_EXTENDED), True),
        (SILENT_ATR, control_answers(FEATURES, SIZE_SHORT), False),
        (SILENT_ATR, control_answers(FEATURES, []), True),
        (SHORT_ONLY_ATR, control_answers(FEATURES, []), False),
        (SHORT_ONLY_ATR, control_answers([], []), False),
        (SILENT_ATR, control_answers([], []), True),
        (MALFORMED_ATR, control_answers([], []), True),
        (SHORT_ONLY_ATR, [(scard.SCARD_E_UNSUPPORTED_FEATURE, [])], False),
        (SILENT_ATR, [(scard.SCARD_E_UNSUPPORTED_FEATURE, [])], True),
    ],
)
def test_extended_length(serve: Serve, atr: list[int], control: list[Answer], expected: bool) -> None:
    service = serve(Service(SCardStatus=[(0, READER, 0, 0, atr)], SCardControl=control))
    card = pcsc.connect(READER)
    assert card.extended_length is expected
    asked = service.called("SCardControl")
    assert card.extended_length is expected
    assert service.called("SCardControl") == asked, "it is asked once"


def test_no_extended_length_over_t0(serve: Serve) -> None:
    serve(Service(SCardConnect=[(0, 99, scard.SCARD_PROTOCOL_T0)]))
    assert not pcsc.connect(READER).extended_length


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (scard.SCARD_E_NO_SERVICE, NoService),
        (scard.SCARD_W_REMOVED_CARD, CardRemoved),
        (scard.SCARD_W_RESET_CARD, CardReset),
    ],
)
def test_a_lost_connection_is_not_taken_for_a_simple_reader(
    serve: Serve, code: int, error: type[TransportError]
) -> None:
    serve(Service(SCardControl=[(code, [])]))
    with pytest.raises(error):
        _ = pcsc.connect(READER).extended_length


def test_details_of_a_reader(serve: Serve) -> None:
    values = {
        scard.SCARD_ATTR_VENDOR_NAME: list(b"Maker"),
        scard.SCARD_ATTR_VENDOR_IFD_VERSION: list((0x02010003).to_bytes(4, sys.byteorder)),
    }

    def answer(handle: int, number: int) -> tuple[int, list[int]]:
        return (0, values[number]) if number in values else (scard.SCARD_E_UNSUPPORTED_FEATURE, [])

    serve(Service(SCardGetAttrib=[answer]))
    card = pcsc.connect(READER)
    found = card.details()
    assert (found.vendor, found.model, found.version, found.serial) == ("Maker", "", "2.1.3", "")
    assert card.attribute(scard.SCARD_ATTR_VENDOR_IFD_TYPE) is None


@pytest.mark.parametrize(("reset", "disposition"), [(False, scard.SCARD_LEAVE_CARD), (True, scard.SCARD_RESET_CARD)])
def test_the_card_is_given_back_once(serve: Serve, reset: bool, disposition: int) -> None:
    service = serve(Service())
    card = pcsc.connect(READER, reset_on_close=reset)
    card.close()
    card.close()
    assert [call for call in service.calls if call[0] == "SCardDisconnect"] == [("SCardDisconnect", 99, disposition)]


def test_a_reader_without_a_card_is_controlled(serve: Serve) -> None:
    service = serve(Service(SCardControl=[(0, [1, 2])]))
    assert pcsc.control_reader(READER, 5, b"\x03") == b"\x01\x02"
    assert ("SCardConnect", 77, READER, scard.SCARD_SHARE_DIRECT, 0) in service.calls
    assert ("SCardControl", 99, 5, [3]) in service.calls
    assert service.calls[-2:] == [("SCardDisconnect", 99, scard.SCARD_LEAVE_CARD), ("SCardReleaseContext", 77)]


def test_no_readers_is_an_empty_list(serve: Serve) -> None:
    none: Answer = (scard.SCARD_E_NO_READERS_AVAILABLE, [])
    serve(Service(SCardListReaders=[none], SCardGetStatusChange=[(scard.SCARD_E_TIMEOUT, [])]))
    assert pcsc.list_readers() == []


def test_a_list_that_fails(serve: Serve) -> None:
    serve(Service(SCardGetStatusChange=[(scard.SCARD_E_NO_MEMORY, [])]))
    with pytest.raises(TransportError, match="out of memory"):
        pcsc.list_readers()
    serve(Service(SCardEstablishContext=[(scard.SCARD_E_NO_MEMORY, 0)]))
    with pytest.raises(TransportError, match="out of memory"):
        pcsc.list_readers()


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_watching_survives_readers_that_go_between_two_calls(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    none: Answer = (scard.SCARD_E_NO_READERS_AVAILABLE, [])
    names = (0, [READER])
    full = (0, [(READER, 1 << 16 | PRESENT | scard.SCARD_STATE_CHANGED, SILENT_ATR)])
    service = serve(
        Service(
            SCardListReaders=[none, names, names, names, none],
            SCardGetStatusChange=[
                *([(scard.SCARD_E_TIMEOUT, [])] if platform == "linux" else []),
                (scard.SCARD_E_UNKNOWN_READER, []),
                full,
                (scard.SCARD_E_TIMEOUT, []),
            ],
        )
    )
    kinds = [event.kind for event in pcsc.watch(0.6)]
    assert kinds == [EventKind.READER_ADDED, EventKind.INSERTED, EventKind.REMOVED, EventKind.READER_REMOVED]
    pseudo = any("PnP" in str(call) for call in service.calls)
    assert pseudo == (platform == "linux"), "macOS does not know the pseudo reader"


def test_a_service_that_stops_comes_back_or_not(serve: Serve) -> None:
    names: Answer = (0, [READER])
    gone: Answer = (scard.SCARD_E_SERVICE_STOPPED, [])
    service = serve(
        Service(
            SCardEstablishContext=[(0, 77), (scard.SCARD_E_NO_SERVICE, 0), (0, 78)],
            SCardListReaders=[names, gone, names],
        )
    )
    kinds = [event.kind for event in pcsc.watch(1.0)]
    there, away = [EventKind.READER_ADDED, EventKind.INSERTED], [EventKind.REMOVED, EventKind.READER_REMOVED]
    assert kinds == [*there, *away, *there]
    released = [call for call in service.calls if call[0] == "SCardReleaseContext"]
    assert released == [("SCardReleaseContext", 77), ("SCardReleaseContext", 78)]


def test_a_watch_that_is_abandoned_gives_its_context_back(serve: Serve) -> None:
    service = serve(Service())
    events = pcsc.watch()
    assert next(events).kind is EventKind.READER_ADDED
    del events
    assert service.called("SCardReleaseContext") == 1


def test_without_a_card_nothing_stays_open(serve: Serve) -> None:
    service = serve(Service(SCardConnect=[(scard.SCARD_E_NO_SMARTCARD, 0, 0)]))
    with pytest.raises(NoCard):
        pcsc.connect(READER)
    assert service.called("SCardReleaseContext") == 1


def test_a_card_that_another_program_keeps(serve: Serve) -> None:
    busy = scard.SCARD_E_SHARING_VIOLATION
    serve(Service(SCardBeginTransaction=[busy], SCardReconnect=[(busy, 0)], SCardEndTransaction=[busy]))
    card = pcsc.connect(READER, busy_timeout=0.03)
    for call in (card.begin, card.reset):
        with pytest.raises(ReaderBusy):
            call()
    card.end()
    assert card.name == READER
    serve(Service(SCardConnect=[(busy, 0, 0)]))
    with pytest.raises(ReaderBusy):
        pcsc.connect(READER, busy_timeout=0.03)


def test_control_codes_that_fail_without_a_card(serve: Serve) -> None:
    serve(Service(SCardControl=[(scard.SCARD_E_UNSUPPORTED_FEATURE, [])]))
    with pytest.raises(TransportError, match="does not support"):
        pcsc.control_reader(READER, 5)
    serve(Service(SCardConnect=[(scard.SCARD_E_UNKNOWN_READER, 0, 0)]))
    with pytest.raises(NoReader):
        pcsc.control_reader(READER, 5)
