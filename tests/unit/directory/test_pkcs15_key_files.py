"""Cards that keep each key in a file of its own: it is made, entered in the list of keys, and found there again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardcore.card import Card
from cardcore.channel import Channel
from cardcore.opening import identify
from cardcore.profile.catalog import catalog, shipped_directory
from cardcore.profile.match import Candidate
from cardcore.profile.model import Operation, Profile
from cardcore.profile.template import DataObject, Join, Literal, Name
from cardcore.softcard import ScryptCost, SoftCard, volatile_card
from cardcore.transport.base import OPEN, Mask
from cardcore.transport.soft import SoftTransport

PIN, PUK = "123456", "0123456789abcdef"
CREATE, KEY_FILE = bytes.fromhex("00E00000"), bytes.fromhex("83024B")


class Listening(SoftTransport):
    """A software card that notes the identifiers of the key files that are made."""

    def __init__(self, card: SoftCard) -> None:
        super().__init__(card, "iso")
        self.made: list[int] = []

    def transmit(self, command: bytes, mask: Mask = OPEN) -> bytes:
        place = command.find(KEY_FILE)
        if command.startswith(CREATE) and place > 0:
            self.made.append(command[place + len(KEY_FILE)])
        return super().transmit(command, mask)


def with_key_files() -> Profile:
    """A profile of a card that can be played, with files for keys as another family has them."""
    profile = catalog([shipped_directory()]).load("isoapplet")
    keys = {name: replace(slot, file=(0x4B00 + slot.ref).to_bytes(2)) for name, slot in profile.keys.items()}
    select, create = profile.operations["create-file"].steps
    parts = (
        Literal(data=bytes.fromhex("81020010 820101 8302")),
        Name(name="key.file.id"),
        Literal(data=bytes.fromhex("8608FF90909090909000")),
    )
    steps = (
        replace(select, data=Literal(data=bytes.fromhex("5015"))),
        replace(create, data=DataObject(tag=b"\x6f", value=Join(parts=parts))),
    )
    made = Operation(name="create-key", steps=steps)
    return replace(profile, keys=keys, operations={**profile.operations, "create-key": made})


@pytest.fixture
def transport() -> Listening:
    return Listening(volatile_card("isoapplet", blank=True, cost=ScryptCost(n=16)))


def opened(transport: Listening) -> Card:
    profile = with_key_files()
    found = identify(transport, [Candidate.of(profile)])
    return Card(profile, Channel(transport), aid=found.aid, selected=True)


def file_of(card: Card, name: str) -> str:
    return card.key(name).slot.file.hex()


def test_each_key_has_a_file(transport: Listening) -> None:
    card = opened(transport)
    card.initialise("Test", pin=PIN, puk=PUK)
    for name in ("1", "2", "1"):
        card.generate(name, "ecp256")
    assert transport.made == [0x00, 0x01]
    assert [file_of(card, name) for name in ("1", "2")] == ["3f0050154b00", "3f0050154b01"]


def test_a_file_that_another_key_has_is_left_alone(transport: Listening) -> None:
    card = opened(transport)
    card.initialise("Test", pin=PIN, puk=PUK)
    card.generate("1", "ecp256")
    keys = card.profile.keys
    wanted = replace(keys["2"], file=keys["1"].file)
    profile = replace(card.profile, keys={**keys, "2": wanted})
    other = Card(profile, Channel(transport), aid=profile.match.aids[0])
    other.verify(PIN)
    other.generate("2", "ecp256")
    assert transport.made == [0x00, 0x02]
    assert (file_of(other, "1"), file_of(other, "2")) == ("3f0050154b00", "3f0050154b02")


def test_a_file_that_was_made_and_never_entered_is_passed_over(transport: Listening) -> None:
    """The card was pulled out before the key was in the list: the file may hold one, and nobody knows whose."""
    card = opened(transport)
    card.initialise("Test", pin=PIN, puk=PUK)
    card.write("3F0050154B00", bytes(16))
    card.generate("1", "ecp256")
    assert transport.made == [0x00, 0x00, 0x01]
    assert file_of(card, "1") == "3f0050154b01"
