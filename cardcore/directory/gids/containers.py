"""Container map and key map: which container has which key, under which name (Minidriver Specification 7.07, 5.4)."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cardcore.directory.names import MAX_KEY_NAME, require_key_name
from cardcore.errors import ReplyError

_NAME_UNITS = MAX_KEY_NAME + 1
_NAME_BYTES = 2 * (_NAME_UNITS - 1)  # the last unit is the end
_MAP_RECORD = struct.Struct(f"<{2 * _NAME_UNITS}sBBHH")
_VALID, _DEFAULT = 0x01, 0x02
_KEY_MAP_VERSION = 1
_KEY_RECORD = struct.Struct("<IBBHHH")
_KEY_PRESENT = 1
_NO_REFERENCE = 0xFFFF
_EXCHANGE, _SIGNATURE = 0x9A, 0x9C
_MAX_CONTAINERS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of the card: a name (a GUID where this program made it) and the sizes of its keys in bits.

    `index` is the container's number and gives the key's reference; `default` marks the one that a program gets that
    names none. A size of 0 means that there is no such key: AT_KEYEXCHANGE, AT_SIGNATURE.
    """

    index: int
    name: str = ""
    valid: bool = False
    default: bool = False
    exchange_bits: int = 0
    signature_bits: int = 0

    @property
    def bits(self) -> int:
        """Size of the container's key in bits, that for exchange before that for signatures; 0 without any."""
        return (self.exchange_bits or self.signature_bits) if self.valid else 0

    @property
    def for_signature(self) -> bool:
        """Whether the only key is one that does not decipher."""
        return self.valid and not self.exchange_bits and bool(self.signature_bits)

    @classmethod
    def new(cls, index: int, bits: int) -> Container:
        """A container with a new random name and a key for exchange."""
        return cls(index=index, name=str(uuid.uuid4()), valid=True, exchange_bits=bits)

    def named(self, name: str) -> Container:
        """The container under another name; InputError if a record has no room for it."""
        require_key_name("the container's name", name)
        return replace(self, name=name)

    def encode(self) -> bytes:
        """The container's record, 86 bytes."""
        name = self.name[: _NAME_UNITS - 1].encode("utf-16-le", "surrogatepass")[:_NAME_BYTES]
        flags = _VALID * self.valid | _DEFAULT * self.default
        return _MAP_RECORD.pack(name, flags, 0, self.signature_bits, self.exchange_bits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerMap:
    """The file cmapfile: one record per container, whether it is in use or not."""

    containers: tuple[Container, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> ContainerMap:
        """The map in the file's content; ReplyError if it is malformed."""
        if len(data) % _MAP_RECORD.size or len(data) > _MAX_CONTAINERS * _MAP_RECORD.size:
            raise ReplyError("the card's container map is malformed")
        return cls(containers=tuple(_containers(data)))

    def encode(self) -> bytes:
        """The map as the card keeps it."""
        return b"".join(container.encode() for container in self.containers)

    def get(self, index: int) -> Container:
        """The container with this number, an empty one if the map does not go so far."""
        return self.containers[index] if index < len(self.containers) else Container(index=index)

    @property
    def used(self) -> int:
        """How many records there are up to the last container in use; what follows is left out of the file."""
        return max((container.index + 1 for container in self.containers if container.valid), default=0)

    def resized(self, count: int) -> ContainerMap:
        """The map with this many records."""
        return replace(self, containers=tuple(self.get(index) for index in range(count)))

    def with_container(self, container: Container) -> ContainerMap:
        """The map with a container put in; one that is in use is the default one, the first if none is."""
        records = list(self.resized(max(len(self.containers), container.index + 1)).containers)
        records[container.index] = container
        used = [record.index for record in records if record.valid]
        if used and not any(record.valid and record.default for record in records):
            records[used[0]] = replace(records[used[0]], default=True)
        return replace(self, containers=tuple(records))


def _containers(data: bytes) -> Iterator[Container]:
    for index, (name, flags, _, signature_bits, exchange_bits) in enumerate(_MAP_RECORD.iter_unpack(data)):
        text: str = name[:_NAME_BYTES].decode("utf-16-le", "surrogatepass")
        yield Container(
            index=index,
            name=text.partition("\x00")[0],
            valid=bool(flags & _VALID),
            default=bool(flags & _DEFAULT),
            signature_bits=signature_bits,
            exchange_bits=exchange_bits,
        )


_NO_KEY = _KEY_RECORD.pack(0, 0, 0, _NO_REFERENCE, _NO_REFERENCE, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMap:
    """The object A000/DF20: for each container the mechanism, kind and file of its key. Other programs count on it."""

    records: tuple[bytes, ...] = field(default=())

    @classmethod
    def parse(cls, data: bytes) -> KeyMap:
        """The map in the object's content (empty: none was written yet); ReplyError if it is malformed."""
        body = data[1:]
        if data and (data[0] != _KEY_MAP_VERSION or len(body) % _KEY_RECORD.size):
            raise ReplyError("the card's key map is malformed")
        if len(body) > _MAX_CONTAINERS * _KEY_RECORD.size:
            raise ReplyError(f"the card's key map has more than {_MAX_CONTAINERS} records")
        starts = range(0, len(body), _KEY_RECORD.size)
        return cls(records=tuple(body[start : start + _KEY_RECORD.size] for start in starts))

    def encode(self) -> bytes:
        """The map as the card keeps it."""
        return bytes((_KEY_MAP_VERSION,)) + b"".join(self.records)

    def resized(self, count: int) -> KeyMap:
        """The map with this many records."""
        return replace(self, records=(*self.records, *(_NO_KEY for _ in range(count)))[:count])

    def with_key(self, index: int, algorithm: int, file: int) -> KeyMap:
        """The map with an exchange key in the container `index`: its mechanism and its file."""
        return self._with(index, _KEY_RECORD.pack(_KEY_PRESENT, algorithm, _EXCHANGE, file, _NO_REFERENCE, 0))

    def without_key(self, index: int) -> KeyMap:
        """The map with no key in the container `index`."""
        return self._with(index, _NO_KEY)

    def _with(self, index: int, record: bytes) -> KeyMap:
        filled = self.resized(max(len(self.records), index + 1)).records
        return replace(self, records=(*filled[:index], record, *filled[index + 1 :]))
