"""Answers to reset of cards in the field, and of cards that mean harm."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore import atr
from cardcore.atr import CardCapabilities, CardService, CompactTlv, Convention, Historical
from cardcore.errors import ReplyError
from cardcore.softcard import volatile_card

# name -> ATR, protocols, (Fi, Di), IFSC, extended length, chaining.
# Read from the cards by many people and collected in pcsc-tools' smartcard_list.txt, but for those with a source.
KNOWN = {
    "YubiKey 5": ("3BFD1300008131FE158073C021C057597562694B657940", (1,), (372, 4), 254, True, True),
    "YubiKey 4": ("3BF81300008131FE15597562696B657934D4", (1,), (372, 4), 254, False, False),
    # OpenPGP card specification 2.0, chapter "Historical bytes"
    "OpenPGP card 2.0": ("3BDA18FF81B1FE751F030031C573C001400090000C", (1,), (372, 12), 254, True, False),
    "OpenPGP card 3.4": ("3BDA18FF81B1FE751F030031F573C001600090001C", (1,), (372, 12), 254, True, False),
    "Belgian eID": ("3B9813400AA503010101AD1311", (0,), (372, 4), 32, False, False),
    "MyEID": ("3BF51800008131FE454D794549449A", (1,), (372, 12), 254, False, False),
    "SmartCard-HSM": ("3BFE1800008131FE458031815448534D31738021408107FA", (1,), (372, 12), 254, True, False),
    # PC/SC part 3, 3.1.3.2.3: a contactless storage card
    "storage card": ("3B8F8001804F0CA000000306030001000000006A", (0, 1), (372, 1), 32, False, False),
    # The same, 3.1.3.2.3.1: contactless card without historical bytes
    "contactless": ("3B80800101", (0, 1), (372, 1), 32, False, False),
    "shortest": ("3B00", (0,), (372, 1), 32, False, False),
    "inverse": ("3F00", (0,), (372, 1), 32, False, False),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_cards(name: str) -> None:
    raw, protocols, clock, ifsc, extended, chaining = KNOWN[name]
    found = atr.parse(bytes.fromhex(raw))
    assert found.raw == bytes.fromhex(raw)
    assert (found.protocols, found.clock, found.ifsc) == (protocols, clock, ifsc)
    assert (found.extended_length, found.chaining) == (extended, chaining)
    assert found.convention is (Convention.INVERSE if raw.startswith("3F") else Convention.DIRECT)


def test_every_part_of_one_card() -> None:
    found = atr.parse(bytes.fromhex(KNOWN["OpenPGP card 3.4"][0]))
    first, second, third, fourth = found.groups
    assert (first.protocol, first.ta, first.tb, first.tc) == (None, 0x18, None, 0xFF)
    assert (second.protocol, second.ta, second.tb, second.tc) == (1, None, None, None)
    assert (third.protocol, third.ta, third.tb, third.tc) == (1, 0xFE, 0x75, None)
    assert (fourth.protocol, fourth.ta, fourth.tb, fourth.tc) == (15, 0x03, None, None)
    assert found.tck == 0x1C
    assert found.specific_protocol is None
    assert found.voltage_classes == "AB"
    assert found.decode_historical() == Historical(
        category=0x00,
        objects=(CompactTlv(tag=3, value=b"\xf5"), CompactTlv(tag=7, value=bytes.fromhex("C00160"))),
        service=CardService(
            by_full_name=True,
            by_partial_name=True,
            objects_in_dir=True,
            objects_in_info=True,
            access=0b010,
            master_file=False,
        ),
        capabilities=CardCapabilities(
            selection=frozenset({"full_name", "partial_name"}),
            coding=0x01,
            chaining=False,
            extended_length=True,
            length_information=True,
            channels=1,
        ),
        life_cycle=0x00,
        sw=0x9000,
    )


def test_the_software_card_keeps_the_standard() -> None:
    found = atr.parse(volatile_card("piv").atr)
    assert found.protocols == (1,)
    assert found.extended_length
    assert found.chaining


def with_check_byte(body: str) -> bytes:
    """A whole ATR from what stands between TS and TCK."""
    raw = bytes.fromhex(body)
    check = 0
    for byte in raw:
        check ^= byte
    return b"\x3b" + raw + bytes((check,))


def test_specific_mode_and_reserved_clock() -> None:
    found = atr.parse(with_check_byte("90 70 91 01 31 20 45"))
    assert (found.specific_protocol, found.clock, found.ifsc) == (1, (None, None), 0x20)
    assert found.protocols == (1,)
    assert found.voltage_classes is None


def test_a_card_that_names_only_global_bytes_speaks_t0() -> None:
    assert atr.parse(with_check_byte("80 1F 07")).protocols == (0,)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "malformed ATR"),
        (b"\x3b", "malformed ATR"),
        (bytes.fromhex("3BFF"), "malformed ATR"),
        (bytes.fromhex("3B04414243"), "malformed ATR"),
        (bytes.fromhex("0300"), "begins with 03"),
        (bytes.fromhex("3B0000"), "1 bytes after"),
        (bytes.fromhex("3B8080017F"), "check byte"),
        (bytes.fromhex("3B808001"), "0 bytes after"),
        (b"\x3b" + b"\x80" * 32, "malformed ATR"),
        (bytes(34), "34 bytes"),
    ],
)
def test_malformed_answers(raw: bytes, reason: str) -> None:
    with pytest.raises(ReplyError, match=reason):
        atr.parse(raw)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", Historical(category=None)),
        ("10 07", Historical(category=0x10, dir_reference=7)),
        ("59 75 62", Historical(category=0x59)),
        ("80", Historical(category=0x80)),
        ("80 81 05", Historical(category=0x80, objects=(CompactTlv(tag=8, value=b"\x05"),), life_cycle=5)),
        ("80 82 9000", Historical(category=0x80, objects=(CompactTlv(tag=8, value=b"\x90\x00"),), sw=0x9000)),
        (
            "80 83 079000",
            Historical(category=0x80, objects=(CompactTlv(tag=8, value=b"\x07\x90\x00"),), life_cycle=7, sw=0x9000),
        ),
        ("00 00 6282", Historical(category=0, life_cycle=0, sw=0x6282)),
        (
            "80 F5 A000000308",
            Historical(
                category=0x80,
                objects=(CompactTlv(tag=15, value=bytes.fromhex("A000000308")),),
                aid=bytes.fromhex("A000000308"),
            ),
        ),
    ],
)
def test_historical_bytes(data: str, expected: Historical) -> None:
    assert atr.parse_historical(bytes.fromhex(data)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("71 10", CardCapabilities(selection=frozenset({"file_id"}))),
        ("72 24 21", CardCapabilities(selection=frozenset({"path", "short_id"}), coding=0x21)),
        (
            "73 0B 00 9B",
            CardCapabilities(
                selection=frozenset({"implicit", "record_number", "record_id"}),
                coding=0,
                chaining=True,
                extended_length=False,
                length_information=False,
                channels=4,
            ),
        ),
    ],
)
def test_capabilities(value: str, expected: CardCapabilities) -> None:
    assert atr.parse_historical(bytes.fromhex("80" + value)).capabilities == expected


@pytest.mark.parametrize(
    "data",
    ["00", "00 9000", "10", "10 01 02", "80 75 00", "80 32 0000", "80 30", "80 70", "80 74 00000000", "80 84 00000000"],
)
def test_malformed_historical_bytes(data: str) -> None:
    with pytest.raises(ReplyError, match="historical"):
        atr.parse_historical(bytes.fromhex(data))


def test_malformed_historical_bytes_say_nothing_of_capabilities() -> None:
    found = atr.parse(bytes.fromhex(KNOWN["storage card"][0]))
    assert found.capabilities is None
    with pytest.raises(ReplyError):
        found.decode_historical()


@given(st.binary(max_size=40).map(lambda rest: b"\x3b" + rest) | st.binary(max_size=40))
def test_hostile_answers_are_refused_or_understood(raw: bytes) -> None:
    try:
        found = atr.parse(raw)
    except ReplyError:
        return
    assert found.protocols
    assert found.ifsc >= 0
    assert isinstance(found.extended_length, bool)
    assert found.clock
    assert found.voltage_classes is None or set(found.voltage_classes) <= set("ABC")


@given(st.binary(max_size=33))
def test_hostile_historical_bytes_are_refused_or_understood(data: bytes) -> None:
    with suppress(ReplyError):
        assert isinstance(atr.parse_historical(data), Historical)
