"""Lists that are longer than a command, changed so that each command leaves one that can be read.

When an entry grows or shrinks, those behind it move. Written as a row of bytes in several commands, the list is torn
if the card is pulled out between two of them. So they move one at a time, past a hole: a data object of a tag that no
entry has, which is skipped when the list is read, and is filled or cleared away by the last command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cardcore.tlv import Tlv

_TAG = 0x80
_MOST = 0x7F
_LEAST = 2
Write = tuple[int, bytes]
"""Where in the file, and what."""


def is_hole(item: Tlv) -> bool:
    """Whether an object in a list is a hole: an interrupted change has left it."""
    return item.tag == _TAG


def without_holes(items: Iterable[Tlv]) -> tuple[Tlv, ...]:
    """The entries of a list."""
    return tuple(item for item in items if not is_hole(item))


def writes(old: Sequence[Tlv], new: Sequence[Tlv]) -> Iterator[Write]:
    """What turns the list `old`, holes too, into `new`.

    After each of them the list has every entry that both have. An entry and a hole have to fit in one command.
    """
    from difflib import SequenceMatcher  # only long lists need it

    moving = _Moving(old)
    wanted = [item.encode() for item in new]
    for index in range(len(moving.parts) - 1, -1, -1):
        if is_hole(old[index]):
            yield from moving.change(index, b"")
    changes = SequenceMatcher(None, moving.parts, wanted, autojunk=False).get_opcodes()
    for _, start, end, first, last in reversed(changes):
        yield from moving.replace(start, end, wanted[first:last])


class _Moving:
    """The parts of a list as they are in the file now."""

    def __init__(self, items: Iterable[Tlv]) -> None:
        self.parts = [item.encode() for item in items]

    def replace(self, start: int, end: int, new: Sequence[bytes]) -> Iterator[Write]:
        """Put parts in place of those from `start` to `end`, one by one."""
        common = min(end - start, len(new))
        for index in range(end - 1, start + common - 1, -1):
            yield from self.change(index, b"")
        for index, part in enumerate(new, start):
            if index >= start + common:
                self.parts.insert(index, b"")
            if self.parts[index] != part:
                yield from self.change(index, part)

    def change(self, index: int, new: bytes) -> Iterator[Write]:
        """Put a part in place of another one; without bytes, away."""
        growth = len(new) - len(self.parts[index])
        if abs(growth) == 1:  # no hole has a single byte
            yield from self._change_by_one(index, new, growth)
            return
        start = sum(map(len, self.parts[:index]))
        if growth > 0:
            yield from self._make_room(index, growth)
        yield start, new + _hole(max(0, -growth))
        if growth < 0:
            yield from self._close(index, start + len(new), -growth)
        self.parts[index : index + 1] = [new] if new else []

    def _make_room(self, index: int, size: int) -> Iterator[Write]:
        """A hole comes from the end up to behind the part."""
        place = sum(map(len, self.parts))
        for part in reversed(self.parts[index + 1 :]):
            place -= len(part)
            yield place, _hole(size) + part

    def _close(self, index: int, place: int, size: int) -> Iterator[Write]:
        """The hole goes to the end, and is no more."""
        for part in self.parts[index + 1 :]:
            yield place, part + _hole(size)
            place += len(part)
        yield place, bytes(size)

    def _change_by_one(self, index: int, new: bytes, growth: int) -> Iterator[Write]:
        """By a hole of two or three bytes more, which is cleared away afterwards."""
        spare = _hole(_LEAST + max(0, growth))
        self.parts.insert(index + 1, b"")
        yield from self.change(index + 1, spare)
        left = _hole(len(spare) - growth)
        yield sum(map(len, self.parts[:index])), new + left
        self.parts[index : index + 2] = [new, left]
        yield from self.change(index + 1, b"")


def _hole(size: int) -> bytes:
    """Objects that fill up so many bytes; not one byte."""
    found = b""
    while size:
        part = min(size, _MOST + _LEAST)
        if size - part == 1:
            part -= 1
        found += bytes((_TAG, part - _LEAST)) + bytes(part - _LEAST)
        size -= part
    return found
