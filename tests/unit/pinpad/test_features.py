"""Which readers have a PIN pad, and what they say about it."""

from __future__ import annotations

import pytest

from cardcore.errors import CardError, CardRemoved, CardReset, NoService, ReplyError, TransportError
from cardcore.pinpad.features import DEFAULT_MAXIMUM, Way, feature_request, find_pad
from cardcore.pinpad.quirks import QUIRKS, quirk_of
from cardcore.transport.soft import SoftTransport
from tests.unit.core.softpiv import new_soft_card
from tests.unit.pinpad.padtransport import BASE, DIRECT, STEPS, TLV, PadTransport, Reply

PIN_PROPERTIES = 0x0A


def pad(features: tuple[int, ...], **replies: Reply) -> PadTransport:
    by_name = {"tlv": TLV, "pin": PIN_PROPERTIES}
    inner = SoftTransport(new_soft_card(), "x")
    return PadTransport(inner, features, {by_name[name]: reply for name, reply in replies.items()})


@pytest.mark.parametrize(("platform", "code"), [("linux", 0x42000D48), ("darwin", 0x42000D48), ("win32", 0x313520)])
def test_the_control_code_of_each_platform(platform: str, code: int) -> None:
    assert feature_request(platform) == code


def test_direct_is_preferred() -> None:
    found = find_pad("r", pad((*DIRECT, *STEPS)).control)
    assert found is not None
    assert (found.verify, found.modify) == (Way(direct=BASE + 6), Way(direct=BASE + 7))
    assert (found.minimum, found.maximum, found.display, found.refused) == (0, DEFAULT_MAXIMUM, False, "")


def test_the_codes_are_those_that_the_reader_gave() -> None:
    found = find_pad("r", lambda code, data: bytes.fromhex("0604DEADBEEF") if code == feature_request() else b"")
    assert found is not None
    assert (found.verify, found.modify) == (Way(direct=0xDEADBEEF), None)


def test_steps() -> None:
    found = find_pad("r", pad(STEPS).control)
    assert found is not None
    assert found.verify == Way(start=BASE + 1, finish=BASE + 2, key_pressed=BASE + 5, abort=BASE + 11)
    assert found.modify == Way(start=BASE + 3, finish=BASE + 4, key_pressed=BASE + 5, abort=BASE + 11)
    assert find_pad("r", pad((0x01, 0x03)).control) is None, "what is started has to be finished"


def test_limits_and_display() -> None:
    told = find_pad("r", pad((*DIRECT, TLV), tlv=bytes.fromhex("01021002 060104 070108")).control)
    assert told is not None
    assert (told.minimum, told.maximum, told.display) == (4, 8, True)
    told = find_pad("r", pad((*DIRECT, TLV, PIN_PROPERTIES), tlv=b"\x07\x01\x00", pin=b"\x10\x02\x07\x00").control)
    assert told is not None
    assert (told.maximum, told.display) == (DEFAULT_MAXIMUM, True)


@pytest.mark.parametrize("reply", [b"", b"\x10", b"\x10\x02\x07", TransportError("x")])
def test_a_reader_that_says_little(reply: Reply) -> None:
    told = find_pad("r", pad((*DIRECT, TLV, PIN_PROPERTIES), tlv=reply, pin=reply).control)
    assert told is not None
    assert (told.minimum, told.maximum, told.display) == (0, DEFAULT_MAXIMUM, False)


def test_half_of_the_usb_ids_is_none() -> None:
    for half in ("0B02E604", "0C0203E0"):
        told = find_pad("r", pad((*DIRECT, TLV), tlv=bytes.fromhex(half)).control)
        assert told is not None
        assert told.quirk.name == ""


@pytest.mark.parametrize("reply", [b"", b"\x06", b"\x06\x04\x00", b"\x06\x02\x00\x01", b"\x12\x04\x00\x00\x00\x01"])
def test_no_pad(reply: bytes) -> None:
    assert find_pad("r", lambda code, data: reply) is None


def failing(error: CardError) -> None:
    def control(code: int, data: bytes) -> bytes:
        raise error

    assert find_pad("r", control) is None


def test_a_driver_that_fails_has_no_pad() -> None:
    failing(TransportError("not supported"))
    failing(ReplyError("the trace does not know that"))
    for error in (CardRemoved("x"), CardReset("x"), NoService("x")):
        with pytest.raises(type(error)):
            failing(error)


def test_ids_count_more_than_names() -> None:
    first, second = QUIRKS[0], next(row for row in QUIRKS if row.refused)
    assert quirk_of("Gemalto GemPC Pinpad 00 00", second.usb[0]) is second
    assert quirk_of("Gemalto GemPC Pinpad 00 00", (1, 2)) is first
    assert quirk_of("Any reader", None).name == ""
