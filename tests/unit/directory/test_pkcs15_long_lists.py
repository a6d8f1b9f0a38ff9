"""Lists that take several commands to change: whatever command is the last one, all other entries are still there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardcore import tlv
from cardcore.card import Card
from cardcore.directory.pkcs15 import holes
from cardcore.directory.pkcs15.holes import is_hole, without_holes
from cardcore.tlv import Tlv
from cardcore.transport.faults import FaultKind
from tests.unit.directory.isocard import IsoCard
from tests.unit.directory.test_pkcs15_leftovers import cut, issued, prepared, used

SIZE = 2000
sizes = st.integers(1, 120)


def entry(number: int, size: int) -> Tlv:
    """One that is like no other."""
    return Tlv(tag=(0x30, 0xA0)[number % 2], value=number.to_bytes(2) + bytes((number + 1,)) * size)


class ListFile:
    """A file with a list."""

    def __init__(self, items: list[Tlv]) -> None:
        self.content = bytearray(b"".join(item.encode() for item in items).ljust(SIZE, b"\x00"))

    @property
    def items(self) -> list[Tlv]:
        """What is in it; a torn list is none."""
        return tlv.parse(bytes(self.content.rstrip(b"\x00")) + self._tail())

    def _tail(self) -> bytes:
        """The zeros that belong to the last object."""
        place = 0
        while self.content[place]:
            place += tlv.total_length(bytes(self.content[place : place + 6]))
        return bytes(max(0, place - len(self.content.rstrip(b"\x00"))))

    def write(self, place: int, part: bytes) -> None:
        assert len(part) <= 255
        self.content[place : place + len(part)] = part


def changed(items: list[Tlv], changes: list[int | None]) -> list[Tlv]:
    """Each entry as it is (None), gone (0), or replaced by one of another size."""
    pairs = zip(range(100, 200), items, changes, strict=False)
    return [item if size is None else entry(number, size) for number, item, size in pairs if size != 0]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(sizes, max_size=8),
    st.lists(st.one_of(st.none(), st.just(0), sizes), min_size=8, max_size=8),
    st.data(),
)
def test_every_write_leaves_a_list_with_all_that_is_to_stay(
    before: list[int], changes: list[int | None], data: st.DataObject
) -> None:
    old = [entry(number, size) for number, size in enumerate(before)]
    new = changed(old, changes)
    file, states = ListFile(old), [old]
    for place, part in holes.writes(old, new):
        file.write(place, part)
        states.append(file.items)
        found = without_holes(states[-1])
        assert set(found) <= set(old) | set(new)
        assert set(old) & set(new) <= set(found)
    assert file.items == new
    begun = data.draw(st.sampled_from(states))  # and where it was interrupted it goes on
    file = ListFile(begun)
    for place, part in holes.writes(begun, new):
        file.write(place, part)
    assert file.items == new


@pytest.mark.parametrize("size", [*range(2, 10), *range(125, 270)])
def test_holes_have_every_size_but_one(size: int) -> None:
    hole = holes._hole(size)
    assert len(hole) == size
    assert all(map(is_hole, tlv.parse(hole)))


KEYS = 8
JOBS: dict[str, Callable[[Card], None]] = {
    "renaming to a longer name": lambda card: card.name_key("1", "A rather long name for a key"),
    "renaming to one a byte longer": lambda card: card.name_key("1", "Key 1 "),
    "renaming to one a byte shorter": lambda card: card.name_key("1", "Key1"),
    "deleting a certificate": lambda card: card.delete_certificate("1"),
    "deleting a key": lambda card: card.delete_key("1"),
}


def check(card: IsoCard) -> None:
    """Everything of the other keys is there."""
    with used(card) as opened:
        listed = {info.slot.name: info.slot.label for info in opened.keys()}  # noqa: SIM118 - keys of a card
        certificates = opened.certificates()
        for number in range(2, KEYS + 1):
            assert listed[str(number)] == f"Key {number}"
            assert certificates[str(number)] == issued(number)
        assert opened.public_key("8") == issued(8).public_key()


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_change_of_long_lists_is_cut_off_after_every_command(job: Callable[[Card], None]) -> None:
    card = prepared(keys=KEYS)
    with used(card) as opened:
        for number in range(1, KEYS + 1):
            opened.write_certificate(str(number), issued(number))
    at, whole = 1, card.memory.read("isoapplet")
    while cut(card, job, FaultKind.REMOVED_AFTER, at):
        check(card)
        card.memory.write("isoapplet", whole)
        card.soft.power_off()
        at += 1
    assert at > 20
    check(card)
    for fid in (0x4402, 0x4403, 0x4404):
        listed = ListFile([])
        listed.content = bytearray(card.files[fid])
        assert not any(map(is_hole, listed.items))
