"""The test double that makes exchanges fail, and the one that counts them."""

from __future__ import annotations

import time

import pytest

from cardcore.errors import CardRemoved, CardReset, ReaderBusy, TransportError
from cardcore.softcard import volatile_card
from cardcore.transport.base import Transport
from cardcore.transport.faults import CountingTransport, FaultKind, FaultPlan, FaultTransport
from cardcore.transport.soft import SoftTransport

SELECT = bytes.fromhex("00A4040005A000000308")
VERIFY = bytes.fromhex("0020008008313233343536FFFF")
WRONG = bytes.fromhex("0020008008393939393939FFFF")
TRIES = bytes.fromhex("00200080")


def card() -> SoftTransport:
    return SoftTransport(volatile_card("piv"), "test")


def tries_left(transport: Transport) -> bytes:
    transport.transmit(SELECT)
    return transport.transmit(TRIES)


def test_exchanges_are_counted() -> None:
    counting = CountingTransport(card())
    assert counting.count == 0
    counting.transmit(SELECT)
    counting.transmit(TRIES)
    assert counting.count == 2


def test_without_a_plan_nothing_fails() -> None:
    transport = FaultTransport(card())
    assert tries_left(transport) == b"\x63\xc3"
    transport.begin()
    transport.reset()
    transport.reconnect()
    transport.end()
    with pytest.raises(TransportError, match="control"):
        transport.control(1)
    assert transport.count == 2


@pytest.mark.parametrize(
    ("kind", "tries"), [(FaultKind.REMOVED_BEFORE, b"\x63\xc3"), (FaultKind.REMOVED_AFTER, b"\x63\xc2")]
)
def test_a_removed_card_stays_away(kind: FaultKind, tries: bytes) -> None:
    inner = card()
    transport = FaultTransport(inner, FaultPlan(kind=kind, at=2))
    transport.transmit(SELECT)
    with pytest.raises(CardRemoved):
        transport.transmit(WRONG)
    for call in (transport.begin, transport.reconnect, transport.reset, lambda: transport.control(1)):
        with pytest.raises(CardRemoved):
            call()
    with pytest.raises(CardRemoved):
        transport.transmit(SELECT)
    transport.end()
    assert transport.count == 3
    assert tries_left(inner) == tries, "whether the command reached the card"
    transport.close()


def test_a_reset_is_recovered_from_and_has_happened() -> None:
    transport = FaultTransport(card(), FaultPlan(kind=FaultKind.RESET, at=3))
    transport.transmit(SELECT)
    assert transport.transmit(VERIFY) == b"\x90\x00"
    for call in (lambda: transport.transmit(TRIES), transport.begin, transport.reset):
        with pytest.raises(CardReset):
            call()
    transport.reconnect()
    transport.begin()
    assert tries_left(transport) == b"\x63\xc3", "the PIN has to be verified again"


def test_a_busy_reader_is_free_again_later() -> None:
    transport = FaultTransport(card(), FaultPlan(kind=FaultKind.BUSY, at=1, times=2))
    for _ in range(2):
        with pytest.raises(ReaderBusy):
            transport.transmit(SELECT)
    assert tries_left(transport) == b"\x63\xc3"


def test_a_status_word_comes_without_the_card() -> None:
    transport = FaultTransport(card(), FaultPlan(kind=FaultKind.STATUS, at=2, sw=0x6581))
    transport.transmit(SELECT)
    assert transport.transmit(WRONG) == b"\x65\x81"
    assert tries_left(transport) == b"\x63\xc3"


def test_replies_are_changed_but_for_their_status_word() -> None:
    whole = card().transmit(SELECT)
    size = len(whole) - 2
    plans = [
        FaultPlan(kind=FaultKind.TRUNCATED, at=1, size=3),
        FaultPlan(kind=FaultKind.TRUNCATED, at=2),
        FaultPlan(kind=FaultKind.GARBLED, at=3),
        FaultPlan(kind=FaultKind.OVERSIZED, at=4, size=70000),
    ]
    transport = FaultTransport(card(), *plans)
    truncated, empty, garbled, oversized = (transport.transmit(SELECT) for _ in plans)
    assert truncated == whole[:3] + whole[-2:]
    assert empty == whole[-2:]
    assert len(garbled) == len(whole)
    assert all(one != other for one, other in zip(garbled[:size], whole[:size], strict=True))
    assert garbled[-2:] == whole[-2:]
    assert oversized == whole[:size].ljust(70000, b"\x00") + whole[-2:]
    assert transport.transmit(SELECT) == whole


def test_an_oversized_reply_needs_no_data_to_begin_with() -> None:
    transport = FaultTransport(card(), FaultPlan(kind=FaultKind.OVERSIZED, at=2, size=300))
    transport.transmit(SELECT)
    assert transport.transmit(TRIES) == bytes(300) + b"\x63\xc3"


def test_an_exchange_takes_longer() -> None:
    transport = FaultTransport(card(), FaultPlan(kind=FaultKind.DELAY, at=1, seconds=0.05))
    started = time.monotonic()
    assert transport.transmit(SELECT)[-2:] == b"\x90\x00"
    assert time.monotonic() - started >= 0.05
