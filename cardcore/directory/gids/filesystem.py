"""The master file table of a GIDS card: which data object of which file holds each file of the minidriver."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace

from cardcore.directory.base import MAX_CERTIFICATE
from cardcore.errors import InputError, NotSupported, ReplyError
from cardcore.tlv import tag_bytes

_VERSION = 1
_RECORD = struct.Struct("<9s9s2xII")
_NAME_SIZE = 8
_MAX_ENTRIES = 1024
_FREE_TAGS = range(0xDF21, 0xDF80)
_COMPRESSED = b"\x01\x00"
_HEAD = struct.Struct("<2sH")
_SEQUENCE = 0x30


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a data object is: the identifier of its file, and its tag there."""

    file: int
    tag: int

    @classmethod
    def parse(cls, identifier: bytes) -> Place:
        """The place in an identifier of 4 bytes, file and tag; InputError if it is none."""
        if len(identifier) != 4:
            raise InputError(f"{identifier.hex().upper()} is no data object of this card", hint="Write file and tag.")
        place = cls(file=int.from_bytes(identifier[:2]), tag=int.from_bytes(identifier[2:]))
        if not place.possible:
            raise InputError(f"{place.tag:X} is no tag of a data object", hint="Write file and tag, as A010DF22.")
        return place

    @property
    def possible(self) -> bool:
        """Whether a file can have this identifier, and a data object this tag (ISO 7816-4:2020, 6.3)."""
        try:
            tag_bytes(self.tag)
        except ValueError:
            return False
        return self.file <= 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEntry:
    """A record: directory and file name (an empty name is the directory itself), and where the content is."""

    directory: str
    name: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTable:
    """The whole table, in the card's order."""

    entries: tuple[TableEntry, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> FileTable:
        """The table in the object A000/DF1F: a version, then records of 28 bytes; ReplyError if it is malformed."""
        if data[:1] != bytes((_VERSION,)) or (len(data) - 1) % _RECORD.size:
            raise ReplyError("the card's master file table is malformed")
        if (len(data) - 1) // _RECORD.size > _MAX_ENTRIES:
            raise ReplyError(f"the card's master file table has more than {_MAX_ENTRIES} entries")
        records = _RECORD.iter_unpack(data[1:])
        return cls(entries=tuple(_entry(directory, name, tag, file) for directory, name, tag, file in records))

    def encode(self) -> bytes:
        """The table as the card keeps it."""
        return bytes((_VERSION,)) + b"".join(
            _RECORD.pack(_padded(entry.directory), _padded(entry.name), entry.place.tag, entry.place.file)
            for entry in self.entries
        )

    def find(self, directory: str, name: str) -> Place | None:
        """Where a file is, None if the table has none of that name; case does not count, as in Windows."""
        wanted = (directory.lower(), name.lower())
        return next(
            (
                item.place
                for item in self.entries
                if item.name and (item.directory.lower(), item.name.lower()) == wanted
            ),
            None,
        )

    def with_file(self, directory: str, name: str, file: int) -> FileTable:
        """The table with a new file in the first free object of the card's file `file`; NotSupported if it is full."""
        taken = {entry.place.tag for entry in self.entries if entry.place.file == file}
        tag = next((tag for tag in _FREE_TAGS if tag not in taken), None)
        if tag is None:
            raise NotSupported("the card's file system is full")
        return self.with_entry(directory, name, Place(file=file, tag=tag))

    def with_entry(self, directory: str, name: str, place: Place) -> FileTable:
        """The table with one entry more."""
        return replace(self, entries=(*self.entries, TableEntry(directory=directory, name=name, place=place)))

    def without(self, place: Place) -> FileTable:
        """The table without the file at this place."""
        return replace(self, entries=tuple(entry for entry in self.entries if entry.place != place))


def _entry(directory: bytes, name: bytes, tag: int, file: int) -> TableEntry:
    entry = TableEntry(directory=_text(directory), name=_text(name), place=Place(file=file, tag=tag))
    if entry.name and not entry.place.possible:
        raise ReplyError("the card's master file table has an entry that leads nowhere")
    return entry


def _text(field: bytes) -> str:
    """Latin-1, so that whatever is there stays as it is."""
    return field.partition(b"\x00")[0].decode("latin-1")


def _padded(text: str) -> bytes:
    return text.encode("latin-1").ljust(_NAME_SIZE + 1, b"\x00")


def compress(der: bytes) -> bytes:
    """A certificate as the minidriver stores it: 01 00, its length (2 bytes, little endian), zlib (RFC 1950)."""
    if len(der) >= MAX_CERTIFICATE:
        raise InputError(f"a certificate of {len(der)} bytes is too large")
    return _HEAD.pack(_COMPRESSED, len(der)) + zlib.compress(der, 9)


def decompress(content: bytes) -> bytes:
    """The certificate in what `compress` gave, or stored plain; ReplyError if it is neither, or lies about its size."""
    if content[:1] == bytes((_SEQUENCE,)):
        return content
    if len(content) < _HEAD.size or not content.startswith(_COMPRESSED):
        raise ReplyError("the certificate is stored in an unknown form")
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(content[_HEAD.size :], MAX_CERTIFICATE)
    except zlib.error as error:
        raise ReplyError("the certificate is marked as compressed and is not") from error
    if not machine.eof or len(plain) != _HEAD.unpack_from(content)[1]:
        raise ReplyError("the compressed certificate has another length than it says")
    return plain
