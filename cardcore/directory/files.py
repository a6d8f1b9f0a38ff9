"""Transparent files through a profile's file operations: values, lists of data objects, changes (ISO 7816-4, 11.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cardcore import tlv
from cardcore.errors import InputError, NotFound, ReplyError, StatusError
from cardcore.profile.template import Value
from cardcore.session import Session
from cardcore.sw import Sw
from cardcore.tlv import Tlv

MF = bytes.fromhex("3F00")
MAX_FILE = 32768
MAX_ENTRIES = 512
_PART = 256
_HEADER = 6
FILLERS = (0x00, 0xFF)
_NO_ROOM = frozenset({Sw.NO_SPACE, Sw.WRONG_P1_P2, Sw.WRONG_LENGTH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A file that is a list of data objects, up to the filler bytes behind them; `raw` if there is more in the file."""

    path: bytes
    items: tuple[Tlv, ...] = ()
    raw: bytes = b""

    @property
    def content(self) -> bytes:
        """The objects as they are in the file."""
        return self.raw or b"".join(item.encode() for item in self.items)


class Files:
    """The files of one card. Paths begin with 3F00; whoever calls is within a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def listing(self, path: bytes) -> Listing:
        """The data objects in a file; NotFound if there is no such file."""
        self.select(path)
        data, ended, items, start = b"", False, [], 0
        while True:
            size = _complete(data[start:])
            if size:
                items.append(tlv.parse_one(data[start : start + size]))
                start += size
            elif ended or (start < len(data) and data[start] in FILLERS):
                break
            else:
                part = self._part(path, len(data))
                data, ended = data + part, len(part) < self._most
            if len(items) > MAX_ENTRIES or len(data) > MAX_FILE:
                raise ReplyError("a directory file without end")
        if start < len(data) and data[start] not in FILLERS:
            raise ReplyError("a directory file ends within an entry")
        return Listing(path=path, items=tuple(items), raw=data[:start])

    def value(self, path: bytes, index: int = 0, length: int = 0) -> bytes:
        """A part of a file: `length` bytes, or if that is 0 the one data object that begins at `index`."""
        self.select(path)
        return self._value(path, index, length, self._part(path, index))

    def first(self, path: bytes) -> bytes:
        """The data object that a file begins with; empty if it is blank, which is only filler bytes."""
        self.select(path)
        part = self._part(path, 0)
        return self._value(path, 0, 0, part) if part[:1] and part[0] not in FILLERS else b""

    def whole(self, path: bytes) -> bytes:
        """All bytes of a file, fillers too."""
        self.select(path)
        data = b""
        while len(data) <= MAX_FILE:
            part = self._part(path, len(data))
            data += part
            if len(part) < self._most:
                return data
        raise ReplyError(f"the file {path.hex().upper()} has no end")

    def change(self, path: bytes, old: bytes, new: bytes) -> None:
        """Make a file that begins with `old` begin with `new`; only what differs is written, filled up with 00."""
        start, part = _difference(old, new)
        if part:
            self.write(path, [(start, part)])

    def fits_a_command(self, old: bytes, new: bytes) -> bool:
        """Whether `change` takes one command, which the card carries out whole or not at all."""
        return len(_difference(old, new)[1]) <= self._step

    def write(self, path: bytes, parts: Iterable[tuple[int, bytes]]) -> None:
        """Write parts of a file, each from its place on; InputError for one beyond what READ BINARY could reach."""
        self.select(path)
        for start, content in parts:
            self._write(path, start, content)

    def require_room(self, path: bytes, used: int, end: int) -> None:
        """InputError if a file of which `used` bytes are in use is shorter than `end`: found out by a filler there.

        A change that takes several commands would stop in the middle.
        """
        if end > used:
            self.write(path, [(end - 1, bytes(FILLERS[:1]))])

    def replace(self, path: bytes, content: bytes) -> None:
        """Write from the beginning of a file."""
        self.write(path, [(0, content)])

    def create(self, path: bytes, size: int, access: str) -> None:
        """Make a file that anybody may read, and write as `access` says (free, pin); InputError if it is too large."""
        _require_place(path, size)
        parent = path[:-2]
        values: dict[str, Value] = {"parent": _below_mf(parent), "parent.id": parent[-2:], "file.id": path[-2:]}
        values |= {"file.size": size.to_bytes(2), "file.access": access}
        self._session.run("create-file", dict(values))

    def delete(self, path: bytes) -> None:
        """Remove a file; one that is not there is no error."""
        if not self.exists(path):
            return
        self._session.run("delete-file", {"object": _below_mf(path), "file.id": path[-2:]})

    def exists(self, path: bytes) -> bool:
        """Whether there is a file of that path; it is the current one then."""
        try:
            self.select(path)
        except NotFound:
            return False
        return True

    def select(self, path: bytes) -> None:
        """Make a file the current one; NotFound if it is not there."""
        self._session.run("select-file", {"object": _below_mf(path)})

    @property
    def _step(self) -> int:
        return min(255, self._session.profile.limits.send)

    @property
    def _most(self) -> int:
        return min(_PART, self._session.profile.limits.receive)

    def _value(self, path: bytes, index: int, length: int, data: bytes) -> bytes:
        """As `value`, with the first part read already."""
        wanted = length or tlv.total_length(data[:_HEADER])
        if wanted > MAX_FILE:
            raise ReplyError(f"a value of {wanted} bytes")
        ended = len(data) < self._most
        while len(data) < wanted and not ended:
            part = self._part(path, index + len(data))
            data, ended = data + part, len(part) < self._most
        if len(data) < wanted:
            raise ReplyError(f"the file {path.hex().upper()} ends within its value")
        return data[:wanted]

    def _part(self, path: bytes, offset: int) -> bytes:
        if offset >= MAX_FILE:
            raise ReplyError(f"the file {path.hex().upper()} has no end")
        try:
            found = self._session.run("read-binary", _at(path, offset))
        except StatusError as error:
            if error.sw == Sw.WRONG_P1_P2:  # the offset is the file's size
                return b""
            raise
        if not isinstance(found, bytes):
            raise ReplyError("the profile's read-binary operation gives no bytes")
        return found

    def _write(self, path: bytes, start: int, content: bytes) -> None:
        _require_place(path, start + len(content))
        for done in range(0, len(content), self._step):
            part = content[done : done + self._step]
            try:
                self._session.run("update-binary", {**_at(path, start + done), "content": part})
            except StatusError as error:
                if error.sw not in _NO_ROOM:
                    raise
                raise InputError(
                    f"the file {path.hex().upper()} of the card is full", hint="Delete what is not needed any more."
                ) from error


def _require_place(path: bytes, end: int) -> None:
    """InputError if a file would be longer than offsets are: 15 bits (ISO 7816-4:2020, 11.3)."""
    if end > MAX_FILE:
        raise InputError(f"the file {path.hex().upper()} would have {end} bytes", hint=f"{MAX_FILE} are possible.")


def _difference(old: bytes, new: bytes) -> tuple[int, bytes]:
    """Where `new`, filled up with 00, begins to differ from `old`, and what stands from there to where it ends to."""
    end = max(len(old), len(new))
    before, after = old.ljust(end, b"\x00"), new.ljust(end, b"\x00")
    differing = [place for place in range(end) if before[place] != after[place]]
    return (differing[0], after[differing[0] : differing[-1] + 1]) if differing else (0, b"")


def _at(path: bytes, offset: int) -> dict[str, Value]:
    high, low = divmod(offset, 256)
    where: dict[str, Value] = {"object": _below_mf(path), "offset": offset.to_bytes(2)}
    return where | {"offset.high": high, "offset.low": low}


def _below_mf(path: bytes) -> bytes:
    """A path as SELECT by path from the MF takes it (ISO 7816-4:2020, table 62): without the MF's own identifier."""
    return path.removeprefix(MF)


def _complete(data: bytes) -> int:
    """Size of the data object that `data` begins with, 0 if it is a filler or not all there."""
    if len(data) < 2 or data[0] in FILLERS:
        return 0
    long_form = data[1] & 0x7F if data[1] & 0x80 else 0
    long_tag = data[0] & 0x1F == 0x1F
    if len(data) < (2 * _HEADER if long_tag else 2 + long_form):
        return 0
    size = tlv.total_length(data[: 2 * _HEADER])
    return size if size <= len(data) else 0
