"""APDUs: the seven cases of ISO 7816-4 (7816-3:2006, 12.1.3) both ways, and everything that is none of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcore.apdu import Case, CommandApdu, ResponseApdu
from cardcore.errors import InputError, ReplyError

LONG = bytes(range(256)) * 2
AID = bytes.fromhex("A000000308")

VECTORS = (
    (Case.NONE, CommandApdu(ins=0xFB), "00FB0000"),
    (Case.LE_SHORT, CommandApdu(ins=0x84, le=8), "0084000008"),
    (Case.LE_SHORT, CommandApdu(ins=0xC0, le=0), "00C0000000"),
    (Case.DATA_SHORT, CommandApdu(ins=0x20, p2=0x80, data=b"123456\xff\xff"), "0020008008313233343536FFFF"),
    (Case.BOTH_SHORT, CommandApdu(ins=0xA4, p1=4, data=AID, le=0), "00A4040005A00000030800"),
    (Case.BOTH_SHORT, CommandApdu(cla=0x90, ins=1, data=b"\x00", le=255), "900100000100FF"),
    (Case.LE_EXTENDED, CommandApdu(ins=0xB0, le=0, extended=True), "00B00000000000"),
    (Case.LE_EXTENDED, CommandApdu(ins=0xB0, le=0x1234, extended=True), "00B00000001234"),
    (Case.DATA_EXTENDED, CommandApdu(ins=0xDB, p1=0x3F, p2=0xFF, data=b"\x01", extended=True), "00DB3FFF00000101"),
    (Case.DATA_EXTENDED, CommandApdu(ins=0xD6, data=LONG, extended=True), "00D60000000200" + LONG.hex()),
    (Case.BOTH_EXTENDED, CommandApdu(ins=0x87, data=b"\x01", le=0, extended=True), "00870000000001010000"),
    (Case.BOTH_EXTENDED, CommandApdu(ins=0x87, data=LONG, le=9, extended=True), "00870000000200" + LONG.hex() + "0009"),
)

NO_COMMANDS = {
    "nothing": "",
    "header cut": "00A404",
    "Lc says more": "00A4040005A0000003",
    "Lc says less by two": "00A4040001A00000",
    "extended marker alone": "00A404000000",
    "extended Lc of zero": "00A4040000000001",
    "extended Lc of zero with Le": "00A404000000000000",
    "extended Lc says more": "00A404000000030102",
    "extended with half an Le": "00A404000000010100",
    "extended with three bytes of Le": "00A4040000000101000000",
}

MISFITS = (
    CommandApdu(ins=0xD6, data=bytes(256)),
    CommandApdu(ins=0xD6, data=bytes(256), le=0),
    CommandApdu(ins=0xB0, le=256),
    CommandApdu(ins=0xB0, le=-1),
    CommandApdu(ins=0xB0, le=0x10000, extended=True),
    CommandApdu(ins=0xD6, data=bytes(0x10000), extended=True),
    CommandApdu(ins=0x100),
    CommandApdu(cla=-1, ins=0),
    CommandApdu(ins=0, p1=0x100),
    CommandApdu(ins=0, p2=0x100),
)

byte = st.integers(0, 255)
short_commands = st.builds(
    lambda header, data, le: CommandApdu(cla=header[0], ins=header[1], p1=header[2], p2=header[3], data=data, le=le),
    st.tuples(byte, byte, byte, byte),
    st.binary(max_size=255),
    st.one_of(st.none(), byte),
)
extended_commands = st.builds(
    lambda header, data, le: CommandApdu(
        cla=header[0], ins=header[1], p1=header[2], p2=header[3], data=data, le=le, extended=True
    ),
    st.tuples(byte, byte, byte, byte),
    st.one_of(st.binary(max_size=600), st.just(bytes(65535))),
    st.one_of(st.none(), st.integers(0, 65535)),
).filter(lambda command: bool(command.data) or command.le is not None)


@pytest.mark.parametrize(("case", "command", "encoded"), VECTORS)
def test_known_commands_both_ways(case: Case, command: CommandApdu, encoded: str) -> None:
    raw = bytes.fromhex(encoded)
    assert command.case is case
    assert command.encode() == raw
    assert CommandApdu.decode(raw) == command


def test_the_vectors_cover_all_seven_cases() -> None:
    assert {case for case, _, _ in VECTORS} == set(Case)


@pytest.mark.parametrize("raw", NO_COMMANDS.values(), ids=NO_COMMANDS)
def test_what_fits_no_case_is_refused(raw: str) -> None:
    with pytest.raises(ReplyError, match="none of the seven"):
        CommandApdu.decode(bytes.fromhex(raw))


@pytest.mark.parametrize("command", MISFITS)
def test_fields_that_do_not_fit_are_refused(command: CommandApdu) -> None:
    with pytest.raises(InputError):
        command.encode()


def test_an_extended_command_without_fields_is_case_1() -> None:
    assert CommandApdu(ins=0xFB, extended=True).encode() == bytes.fromhex("00FB0000")


@given(st.one_of(short_commands, extended_commands))
def test_every_command_comes_back(command: CommandApdu) -> None:
    raw = command.encode()
    assert CommandApdu.decode(raw) == command
    assert raw[command.data_offset :].startswith(command.data)


@given(st.binary(max_size=600))
def test_random_bytes_are_a_command_or_a_reply_error(raw: bytes) -> None:
    try:
        command = CommandApdu.decode(raw)
    except ReplyError:
        return
    assert command.encode() == raw


@given(st.binary(max_size=600), st.integers(0, 0xFFFF))
def test_every_response_comes_back(data: bytes, sw: int) -> None:
    response = ResponseApdu(data=data, sw=sw)
    assert ResponseApdu.decode(response.encode()) == response
    assert response.encode()[-2:] == bytes((sw >> 8, sw & 0xFF))


@pytest.mark.parametrize("raw", [b"", b"\x90"])
def test_a_response_without_status_word_is_refused(raw: bytes) -> None:
    with pytest.raises(ReplyError, match="no status word"):
        ResponseApdu.decode(raw)
