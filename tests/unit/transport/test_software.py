"""The transport to a software card, the wrapper, and the log of APDUs."""

from __future__ import annotations

import logging

import pytest

from cardcore.errors import CardRemoved, NoReader, TransportError
from cardcore.softcard import SoftCardStore, volatile_card
from cardcore.transport.base import OPEN, CardProtocol, Mask, Transport
from cardcore.transport.faults import FaultKind, FaultPlan, FaultTransport
from cardcore.transport.logged import LOGGER_NAME, LoggingTransport
from cardcore.transport.soft import SoftTransport
from cardcore.transport.wrapper import TransportWrapper

SELECT = bytes.fromhex("00A4040005A000000308")
VERIFY = bytes.fromhex("0020008008313233343536FFFF")
VERIFIED = bytes.fromhex("00200080")


class BrokenCard:
    """A card whose file cannot be read, or that answers with less than a status word."""

    atr = b"\x3b\x00"

    def __init__(self, reply: bytes | OSError) -> None:
        self._reply = reply

    def process(self, command: bytes) -> bytes:
        """Fail as asked."""
        if isinstance(self._reply, OSError):
            raise self._reply
        return self._reply

    def reset(self) -> None:
        """Nothing to forget."""

    def power_off(self) -> None:
        """Nothing to forget."""


class ControllableReader(TransportWrapper):
    """A transport whose reader answers control codes."""

    def control(self, code: int, data: bytes = b"") -> bytes:
        """The code's last byte, and the data."""
        return bytes((code & 0xFF,)) + data


def test_a_software_card_is_used_through_its_transport() -> None:
    card: Transport = SoftTransport(volatile_card("piv"), "alice")
    assert card.name == "soft:alice"
    assert card.protocol is CardProtocol.T1
    assert card.extended_length
    assert card.atr[:1] == b"\x3b"
    card.begin()
    assert card.transmit(SELECT)[-2:] == b"\x90\x00"
    assert card.transmit(VERIFY) == b"\x90\x00"
    assert card.transmit(VERIFIED, OPEN) == b"\x90\x00"
    card.reset()
    card.reconnect()
    card.transmit(SELECT)
    assert card.transmit(VERIFIED) == b"\x63\xc3"
    card.end()


def test_a_closed_software_card_has_no_power() -> None:
    inside = volatile_card("piv")
    card = SoftTransport(inside, "alice")
    card.transmit(SELECT)
    card.transmit(VERIFY)
    card.close()
    card.close()
    card.end()
    for call in (card.begin, card.reset, card.reconnect, lambda: card.transmit(SELECT)):
        with pytest.raises(TransportError, match="closed"):
            call()
    again = SoftTransport(inside, "alice")
    again.transmit(SELECT)
    assert again.transmit(VERIFIED) == b"\x63\xc3"


def test_a_software_card_has_no_reader() -> None:
    with pytest.raises(TransportError, match="control codes"):
        SoftTransport(volatile_card("piv"), "alice").control(1)


def test_a_software_card_is_found_by_its_name() -> None:
    SoftCardStore().create("alice", "piv")
    assert SoftTransport.open("alice").transmit(SELECT)[-2:] == b"\x90\x00"
    with pytest.raises(NoReader):
        SoftTransport.open("bob")


@pytest.mark.parametrize(("reply", "reason"), [(OSError("disk is full"), "disk is full"), (b"\x90", "1 bytes")])
def test_a_software_card_that_fails(reply: bytes | OSError, reason: str) -> None:
    with pytest.raises(TransportError, match=reason):
        SoftTransport(BrokenCard(reply), "broken").transmit(SELECT)


def test_the_wrapper_hands_everything_on() -> None:
    wrapper = TransportWrapper(ControllableReader(SoftTransport(volatile_card("piv"), "alice")))
    assert (wrapper.name, wrapper.protocol, wrapper.extended_length) == ("soft:alice", CardProtocol.T1, True)
    assert wrapper.atr == volatile_card("piv").atr
    assert wrapper.control(0x1234, b"x") == b"\x34x"
    wrapper.begin()
    wrapper.transmit(SELECT)
    wrapper.transmit(VERIFY)
    wrapper.reset()
    wrapper.reconnect()
    wrapper.end()
    wrapper.transmit(SELECT)
    assert wrapper.transmit(VERIFIED) == b"\x63\xc3"
    wrapper.close()
    with pytest.raises(TransportError, match="closed"):
        wrapper.transmit(SELECT)


def test_the_log_shows_exchanges_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOGGER_NAME)
    faulty = FaultTransport(
        SoftTransport(volatile_card("piv"), "alice"), FaultPlan(kind=FaultKind.REMOVED_BEFORE, at=4)
    )
    card = LoggingTransport(faulty)
    card.transmit(SELECT, Mask(reply=True))
    card.transmit(VERIFY)
    card.transmit(bytes.fromhex("00CB3FFF035C017E00"), Mask(command=((5, 8),)))
    card.reset()
    card.reconnect()
    with pytest.raises(CardRemoved):
        card.transmit(VERIFIED)
    lines = [record.getMessage().rpartition(",")[0] or record.getMessage() for record in caplog.records]
    assert lines[0] == "> 00a4040005a000000308"
    assert lines[1].startswith("< **")
    assert lines[1].endswith("**9000 (success")
    assert lines[2:5] == ["> 0020008008****************", "< 9000 (success", "> 00cb3fff03******00"]
    assert lines[6].startswith("= reset, ATR") or lines[6] == "= reset"
    assert caplog.records[-1].getMessage() == "! card-removed: injected fault: card-removed"


def test_the_log_shows_control_codes(caplog: pytest.LogCaptureFixture) -> None:
    class Reader(TransportWrapper):
        def control(self, code: int, data: bytes = b"") -> bytes:
            if code == 2:
                raise TransportError("no such code")
            return data[::-1]

    caplog.set_level(logging.DEBUG, LOGGER_NAME)
    card = LoggingTransport(Reader(SoftTransport(volatile_card("piv"), "alice")))
    assert card.control(0x42000D48, b"ab") == b"ba"
    with pytest.raises(TransportError):
        card.control(2)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["> control 42000D48 6162", "< 6261", "> control 00000002 ", "! transport: no such code"]


def test_nothing_is_logged_unless_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER_NAME)
    card = LoggingTransport(SoftTransport(volatile_card("piv"), "alice"))
    assert card.transmit(SELECT)[-2:] == b"\x90\x00"
    assert not caplog.records
