"""The card below its applications: lengths, chaining, selection, hostile input."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardcore.softcard import ScryptCost, SoftCard, volatile_card

COST = ScryptCost(n=16)
SELECT = "00A4040005A000000308"
READ_DISCOVERY = "00CB3FFF035C017E"


@pytest.fixture
def card() -> SoftCard:
    return volatile_card("piv", cost=COST)


def send(card: SoftCard, *commands: str) -> str:
    """Send commands in hex, return the last response in hex."""
    response = b""
    for command in commands:
        response = card.process(bytes.fromhex(command))
    return response.hex().upper()


def test_atr_is_well_formed(card: SoftCard) -> None:
    atr = card.atr
    check = 0
    for byte in atr[1:]:
        check ^= byte
    assert atr[0] == 0x3B
    assert check == 0
    assert len(atr) == 1 + 1 + 4 + 1 + 2 + 0 + (atr[1] & 0x0F) + 1


@pytest.mark.parametrize("name", ["A000000308", "A00000030800001000", "A000000308000010000100"])
def test_names_may_be_cut_off(card: SoftCard, name: str) -> None:
    command = f"00A40400{len(name) // 2:02X}{name}"
    assert send(card, command).endswith("9000")
    assert send(card, command.replace("A40400", "A4040C")) == "9000"


@pytest.mark.parametrize("name", ["A0000003", "A00000030900", "A000000308000010000100FF"])
def test_other_names_leave_the_selection(card: SoftCard, name: str) -> None:
    assert send(card, SELECT, f"00A40400{len(name) // 2:02X}{name}") == "6A82"
    assert send(card, READ_DISCOVERY + "00").endswith("9000")


def test_only_the_first_occurrence_exists(card: SoftCard) -> None:
    assert send(card, SELECT.replace("A40400", "A40402")) == "6A82"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("00", "6700"),
        ("00CB3FFF05", "6986"),
        ("00CB3FFF055C", "6700"),
        ("80CA9F7F00", "6E00"),
        ("FF00000000", "6E00"),
        ("01200080", "6881"),
        ("40200080", "6881"),
        ("0070000001", "6881"),
        ("20200080", "6E00"),
        ("0C200080", "6882"),
        ("00C0000000", "6985"),
        ("00200080", "6986"),
    ],
)
def test_refusals_without_a_selection(card: SoftCard, command: str, status: str) -> None:
    assert send(card, command) == status


def test_unknown_instruction(card: SoftCard) -> None:
    assert send(card, SELECT, "00B0000000") == "6D00"


@pytest.mark.parametrize(
    ("le", "data", "status"), [("", 20, "9000"), ("00", 20, "9000"), ("14", 20, "9000"), ("08", 8, "610C")]
)
def test_le_limits_the_reply(card: SoftCard, le: str, data: int, status: str) -> None:
    reply = send(card, SELECT, READ_DISCOVERY + le)
    assert (len(reply) // 2 - 2, reply[-4:]) == (data, status)


def test_the_rest_is_fetched_in_pieces(card: SoftCard) -> None:
    whole = send(card, SELECT, READ_DISCOVERY)[:-4]
    parts = [send(card, READ_DISCOVERY + "08"), send(card, "00C0000008"), send(card, "00C0000000")]
    assert [part[-4:] for part in parts] == ["610C", "6104", "9000"]
    assert "".join(part[:-4] for part in parts) == whole
    assert send(card, "00C0000000") == "6985"


def test_another_command_drops_the_rest(card: SoftCard) -> None:
    assert send(card, SELECT, READ_DISCOVERY + "08", "0020008000", "00C0000000") == "6985"


def test_chained_commands_are_joined(card: SoftCard) -> None:
    assert send(card, SELECT, "10CB3FFF015C") == "9000"
    assert send(card, "10CB3FFF0101") == "9000"
    assert send(card, "00CB3FFF017E") == send(card, READ_DISCOVERY)


def test_a_broken_chain_is_forgotten(card: SoftCard) -> None:
    assert send(card, SELECT, "10CB3FFF025C01") == "9000"
    assert send(card, "0020008000") == "63C3"
    assert send(card, "00CB3FFF017E") == "6A80"


def test_endless_chains_are_refused(card: SoftCard) -> None:
    send(card, SELECT)
    link = "10DB3FFFFF" + "00" * 255
    answers = [send(card, link) for _ in range(130)]
    assert answers[:128] == ["9000"] * 128
    assert answers[128] == "6700"


def test_reset_forgets_everything(card: SoftCard) -> None:
    assert send(card, SELECT, "0020008008313233343536FFFF") == "9000"
    card.reset()
    assert send(card, "0020008000") == "6986"
    assert send(card, SELECT, "0020008000") == "63C3"
    assert send(card, "0020008008313233343536FFFF", "0020008000") == "9000"
    card.power_off()
    assert send(card, SELECT, "0020008000") == "63C3"


HEADERS = st.sampled_from(
    [0x20, 0x24, 0x2C, 0x47, 0x87, 0xA4, 0xC0, 0xCB, 0xDB, 0xF6, 0xF7, 0xF8, 0xFA, 0xFB, 0xFD, 0xFE, 0xFF]
)
BODIES = st.one_of(
    st.binary(max_size=40), st.binary(max_size=30).map(lambda data: bytes((len(data),)) + data + b"\x00")
)
COMMANDS = st.builds(
    lambda cla, ins, p, body: bytes((cla, ins)) + p + body,
    st.sampled_from([0x00, 0x00, 0x10, 0x80]),
    HEADERS,
    st.one_of(
        st.sampled_from([b"\x00\x80", b"\x3f\xff", b"\x03\x9b", b"\x04\x00", b"\x07\x9a"]),
        st.binary(min_size=2, max_size=2),
    ),
    BODIES,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(COMMANDS, st.binary(max_size=20)), max_size=8))
def test_hostile_commands_get_an_answer(commands: list[bytes]) -> None:
    card = SHARED
    card.process(bytes.fromhex(SELECT))
    for command in commands:
        status = card.process(command)[-2:]
        assert len(status) == 2
        assert status not in (b"\x6f\x00", b"\x65\x81")


SHARED = volatile_card("piv", cost=COST)
