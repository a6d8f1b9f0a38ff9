"""Blank cards of families that are known from documentation only: what `init` sends to a card that plays along."""

from __future__ import annotations

import pytest

from cardcore.apdu import CommandApdu
from cardcore.card import Card
from cardcore.channel import Channel, ChannelLimits
from cardcore.errors import InputError
from cardcore.profile.catalog import catalog, shipped_directory
from tests.unit.core.fakes import FakeTransport

PIN, PUK, SO_PIN = "123456", "87654321", "3537363231383830"
_SELECT, _CREATE, _READ = 0xA4, 0xE0, (0xB0, 0xB1)
_BY_PATH = 0x08


def card_of(name: str) -> tuple[Card, FakeTransport]:
    """A blank card: it has the files that are made on it, and takes everything else."""
    made: set[str] = {"", "5015"}

    def answer(command: CommandApdu) -> str:
        data = command.data.hex().upper()
        if command.ins == _CREATE:
            made.add(("" if "83022F00" in data else "5015") + data.split("8302")[1][:4])
        missing = command.ins == _SELECT and command.p1 == _BY_PATH and data not in made
        unverified = command.ins == 0x20 and not data
        return "6A82" if missing or command.ins in _READ else "63C3" if unverified else "9000"

    transport = FakeTransport(answer, extended_length=name == "schsm")
    profile = catalog([shipped_directory()]).load(name)
    return Card(profile, Channel(transport, ChannelLimits(extended=name == "schsm")), selected=True), transport


def written(transport: FakeTransport) -> list[str]:
    """The commands that change a card, with VERIFY, without what is written into files."""
    shown = {0x20: "verify", 0x44: "activate", 0x50: "initialize", 0xDA: "put", _CREATE: "create"}
    return [
        f"{shown[command.ins]} {command.p1:02X}{command.p2:02X} {command.data.hex().upper()}"
        for command in transport.commands
        if command.ins in shown and command.data
    ]


def test_a_blank_myeid_gets_its_application_its_pins_and_its_files() -> None:
    card, transport = card_of("myeid")
    card.initialise("Alice", pin=PIN, puk=PUK, serial=b"\x01\x02\x03\x04")
    *made, aodf, odf, ef_dir, token = written(transport)
    assert made == [
        "put 01E0 FFFF111FFF111FFF",
        "put 0101 313233343536FFFF3837363534333231030A00",
        "activate 0400 A000000063504B43532D3135",
        "verify 0001 313233343536FFFF",
    ]
    for command, file_id in ((aodf, "4401"), (odf, "5031"), (ef_dir, "2F00"), (token, "5032")):
        assert command.startswith("create 0000 6217")
        assert f"8302{file_id}" in command
    assert "83024401 8603011FFF" in aodf.replace("8603", " 8603")
    contents = b"".join(command.data for command in transport.commands if command.ins == 0xD6)
    assert b"Alice" in contents
    assert b"\x04\x04\x01\x02\x03\x04" in contents


def test_a_blank_smartcard_hsm_gets_its_pins() -> None:
    card, transport = card_of("schsm")
    card.initialise(pin=PIN, puk=SO_PIN)
    assert written(transport) == [
        "initialize 0000 8002000181063132333435368208" + SO_PIN + "910103",
        "verify 0081 313233343536",
    ]


@pytest.mark.parametrize(
    ("pin", "puk", "label", "admin", "message"),
    [
        (None, SO_PIN, "", None, "has no PIN yet"),
        (PIN, None, "", None, "has no PIN yet"),
        (PIN, SO_PIN, "Alice", None, "no label"),
        (PIN, SO_PIN, "", "00" * 24, "no admin key"),
        (PIN, "1234", "", None, "SO-PIN"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    pin: str | None, puk: str | None, label: str, admin: str | None, message: str
) -> None:
    card, transport = card_of("schsm")
    with pytest.raises(InputError, match=message):
        card.initialise(label, pin=pin, puk=puk, admin=admin)
    assert written(transport) == []
