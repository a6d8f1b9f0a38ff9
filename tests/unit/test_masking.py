"""No PIN gets into a trace or a log, in whatever form it travels."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cardcore.apdu import CommandApdu
from cardcore.masking import OPEN, ChainMasker, Mask, join, mask_of, redact, redact_reply
from cardcore.transport.logged import LOGGER_NAME, LoggingTransport
from cardcore.transport.recorder import RecorderTransport
from cardcore.transport.soft import SoftTransport

SELECT = bytes.fromhex("00A4040006 A00000000102")
SECRET_INSTRUCTIONS = (0x20, 0x21, 0x24, 0x25, 0x2C, 0x2D, 0x26, 0x28, 0xC2, 0xD8, 0xFE, 0xFF)

pins = st.text("0123456789", min_size=6, max_size=12)


def packed(pin: str) -> bytes:
    """Two digits per byte; an odd last one is followed by F."""
    return bytes.fromhex(pin if len(pin) % 2 == 0 else pin + "F")


FORMS: dict[str, Callable[[str], bytes]] = {
    "ascii": lambda pin: pin.encode(),
    "ascii padded with FF": lambda pin: pin.encode().ljust(16, b"\xff"),
    "ascii padded with 00": lambda pin: pin.encode().ljust(16, b"\x00"),
    "bcd": packed,
    "bcd padded with FF": lambda pin: packed(pin).ljust(8, b"\xff"),
    "format 2": lambda pin: (bytes((0x20 | len(pin),)) + packed(pin)).ljust(8, b"\xff"),
    "packed hex of twice the PIN": lambda pin: bytes.fromhex(pin * 2),
}


def needles(pin: str) -> set[str]:
    """What a PIN could look like in a text: as it is (also BCD and packed hex), and its characters in hex."""
    return {pin, pin.encode().hex(), pin.encode().hex().upper(), repr(pin.encode())[2:-1]}


class Card:
    """Answers every command with 63C2."""

    atr = bytes.fromhex("3B00")

    def process(self, command: bytes) -> bytes:
        """Refuse."""
        return b"\x63\xc2"

    def reset(self) -> None:
        """Nothing to forget."""

    def power_off(self) -> None:
        """Nothing to forget."""


def spoken(commands: Sequence[bytes]) -> str:
    """Everything that recorder and log say about an exchange."""
    trace, log = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(log)
    logger = logging.getLogger(LOGGER_NAME)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        transport = RecorderTransport(LoggingTransport(SoftTransport(Card(), "card")), trace, clock=lambda: 0)
        for command in commands:
            transport.transmit(command)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert trace.getvalue()
    assert log.getvalue()
    # Durations are no secrets, but may look like one.
    return trace.getvalue() + re.sub(r", \d+\.\d ms", "", log.getvalue())


def carriers(cla: int, ins: int, data: bytes, split: int) -> list[list[bytes]]:
    """The ways in which a data field travels: short, extended, as a chain of two commands, with wrong length."""
    short = CommandApdu(cla=cla, ins=ins, p2=0x80, data=data)
    first = replace(short, cla=cla | 0x10, data=data[:split])
    last = replace(short, data=data[split:], le=0)
    return [
        [short.encode()],
        [replace(short, le=0, extended=True).encode()],
        [first.encode(), last.encode()],
        [bytes((cla, ins, 0, 0x80, len(data) + 3)) + data],
    ]


@pytest.mark.parametrize("form", FORMS)
@given(
    pin=pins,
    new=pins,
    cla=st.sampled_from([0x00, 0x01, 0x80, 0x90, 0xFF]),
    ins=st.sampled_from(SECRET_INSTRUCTIONS),
    split=st.integers(1, 5),
)
def test_a_pin_is_found_in_no_form(form: str, pin: str, new: str, cla: int, ins: int, split: int) -> None:
    secret = FORMS[form](pin) + FORMS[form](new)
    harmless = b"\xee" * len(secret)
    for commands, others in zip(carriers(cla, ins, secret, split), carriers(cla, ins, harmless, split), strict=True):
        text, baseline = spoken([SELECT, *commands, SELECT]), spoken([SELECT, *others, SELECT])
        assert text == baseline, "secrets of one length all look alike"
        for needle in needles(pin) | needles(new):
            assume(needle not in baseline.replace("*", ""))
            assert needle not in text


@pytest.mark.parametrize("form", FORMS)
@given(pin=pins)
def test_the_search_does_find_a_pin(form: str, pin: str) -> None:
    """The control: an instruction that is not known to carry secrets shows the PIN, unless a mask covers it."""
    data = FORMS[form](pin)
    command = CommandApdu(ins=0xE0, data=data).encode()
    text = spoken([command])
    assert any(needle in text for needle in needles(pin))
    trace = io.StringIO()
    transport = RecorderTransport(SoftTransport(Card(), "card"), trace, clock=lambda: 0)
    transport.transmit(command, Mask(command=((5, 5 + len(data)),)))
    line = trace.getvalue().splitlines()[1]
    assert json.loads(line)["c"] == command[:5].hex() + "**" * len(data)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("00200080", "00200080"),
        ("0020008000", "0020008000"),
        ("00200080 02 3132", "0020008002****"),
        ("0C200080 02 3132 00", "0c20008002****00"),
        ("00200080 000002 3132", "00200080000002****"),
        ("00200080 09 3132", "00200080******"),
        ("002000", "002000"),
        ("", ""),
        ("80500000 02 3132", "8050000002****"),
        ("00D80000 02 0102", "00d8000002****"),
        ("00FE079A 02 0102", "00fe079a02****"),
        ("00FFFFFF 02 0102", "00ffffff02****"),
        ("00DA00D3 02 3132", "00da00d302****"),
        ("00DA00D5 02 3132", "00da00d502****"),
        ("00DA0101 02 3132", "00da010102****"),
        ("00DA005E 02 3132", "00da005e023132"),
        ("00DB3FFF 03 4D0101", "00db3fff03******"),
        ("00DB3FFF 04 7F480100", "00db3fff04********"),
        ("00DB3FFF 03 700101", "00db3fff03******"),
        ("00DB3FFF 03 5C0101", "00db3fff035c0101"),
        ("00DB3FFF 08 5C035FC109 530101", "00db3fff08" + "**" * 8),
        ("00DB3FFF 09 5C0101", "00db3fff********"),
        ("00CB3FFF 03 4D0101", "00cb3fff034d0101"),
        ("00A40400 02 3132", "00a40400023132"),
    ],
)
def test_what_the_instruction_says(command: str, shown: str) -> None:
    raw = bytes.fromhex(command)
    assert redact(raw, mask_of(raw)) == shown


def test_the_object_in_which_an_admin_key_is_kept_is_not_shown() -> None:
    for command, hidden in (("00CB3FFF 05 5C035FC109 00", True), ("00CB3FFF 05 5C035FC102 00", False), ("00CB", False)):
        assert mask_of(bytes.fromhex(command)) == Mask(reply=hidden)
        assert ChainMasker().mask(bytes.fromhex(command)) == Mask(reply=hidden)


def shown_in_turn(*commands: str) -> list[str]:
    masker = ChainMasker()
    return [redact(raw, masker.mask(raw)) for raw in map(bytes.fromhex, commands)]


def test_a_chain_is_as_secret_as_its_beginning() -> None:
    key = ("10DB3FFF 03 4D0101", "10DB3FFF 02 0203", "00DB3FFF 02 0405")
    assert shown_in_turn(*key, "00DB3FFF 02 5C00") == [
        *("10db3fff03******", "10db3fff02****", "00db3fff02****"),
        "00db3fff025c00",
    ]


@pytest.mark.parametrize("beginning", ["7F 48 01 02", "5C 03 5F C1 09 53 01 02"])
def test_a_chain_is_secret_however_little_its_first_command_holds(beginning: str) -> None:
    data = bytes.fromhex(beginning)
    commands = [f"{cla}DB3FFF 01 {byte:02X}" for cla, byte in zip("1" * (len(data) - 1) + "0", data, strict=True)]
    assert shown_in_turn(*(f"{command[0]}0{command[1:]}" for command in commands)) == [
        f"{command[0]}0db3fff01**" for command in commands
    ]


# What comes out of the card

KEPT_KEY = "00CB3FFF 05 5C035FC109"
DECIPHERING = [
    "002A8086 02 0001 00",
    "002A8084 02 0001 00",
    "0087079D 02 7C00 00",
    "00871195 02 7C00",
    "102A8086 01 00",
]


@pytest.mark.parametrize("command", [KEPT_KEY, *DECIPHERING])
def test_what_a_card_gives_away_is_hidden_to_its_last_part(command: str) -> None:
    masker = ChainMasker()
    masks = [masker.mask(bytes.fromhex(raw)) for raw in (command, "00C0000010", "80C0000000", "00B0000000")]
    assert [mask.reply for mask in masks] == [True, True, True, False]
    given = ChainMasker()
    assert given.mask(bytes.fromhex("00870700"), Mask(reply=True)).reply
    assert given.mask(bytes.fromhex("00C0000010")).reply
    assert not given.mask(bytes.fromhex("00870700")).reply


@pytest.mark.parametrize("command", ["002A9E9A 01 00 00", "0087079A 02 7C00 00", "00870B9C 02 7C00 00", "0087039B 00"])
def test_what_a_card_signs_is_not(command: str) -> None:
    assert not ChainMasker().mask(bytes.fromhex(command)).reply


def test_who_asks_for_it_may_see_what_was_deciphered_but_no_key() -> None:
    masker = ChainMasker(shows_plain=True)
    assert not any(masker.mask(bytes.fromhex(command)).reply for command in DECIPHERING)
    assert masker.mask(bytes.fromhex(KEPT_KEY)).reply
    assert masker.mask(bytes.fromhex("00C0000000")).reply


def test_a_chain_that_begins_openly_stays_open() -> None:
    certificate = ("10DB3FFF 03 5C0101", "00DB3FFF 02 0405")
    assert shown_in_turn(*certificate) == ["10db3fff035c0101", "00db3fff020405"]


def test_another_command_ends_a_chain() -> None:
    assert shown_in_turn("10DB3FFF 03 4D0101", "00A40400 02 0102", "00DB3FFF 02 0405") == [
        *("10db3fff03******", "00a40400020102"),
        "00db3fff020405",
    ]


@given(command=st.binary(max_size=300), spans=st.lists(st.tuples(st.integers(-5, 310), st.integers(-5, 310))))
def test_masking_never_changes_a_length(command: bytes, spans: list[tuple[int, int]]) -> None:
    for mask in (mask_of(command), ChainMasker().mask(command), Mask(command=tuple(spans))):
        text = redact(command, mask)
        assert len(text) == 2 * len(command)
        pairs = [text[at : at + 2] for at in range(0, len(text), 2)]
        assert all(pair in ("**", f"{byte:02x}") for pair, byte in zip(pairs, command, strict=True))


def test_masks_are_joined() -> None:
    given = Mask(command=((5, 6),), reply=True)
    assert join(OPEN, given) == given
    assert join(given, OPEN) == given
    assert join(given, Mask(command=((7, 8),))) == Mask(command=((5, 6), (7, 8)), reply=True)
    assert redact(bytes(9), join(given, Mask(command=((7, 8),)))) == "0000000000**00**00"


@pytest.mark.parametrize(
    ("reply", "hidden", "shown"),
    [
        ("01029000", True, "****9000"),
        ("9000", True, "9000"),
        ("90", True, "90"),
        ("", True, ""),
        ("01029000", False, "01029000"),
    ],
)
def test_replies(reply: str, hidden: bool, shown: str) -> None:
    assert redact_reply(bytes.fromhex(reply), Mask(reply=hidden)) == shown
