"""Keys, certificates and identity of a GIDS card."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cardcore import tlv
from cardcore.directory.base import FixedSlots, KeyInfo, Setup, require_few_others, serial_text
from cardcore.directory.firstsecrets import awaits_secrets
from cardcore.directory.gids.containers import Container, ContainerMap, KeyMap
from cardcore.directory.gids.filesystem import FileTable, Place, compress, decompress
from cardcore.directory.objects import identifier
from cardcore.directory.remembering import Mark, remembered
from cardcore.errors import InputError, NotFound, NotSupported, PinRequired, ReplyError, StatusError
from cardcore.keytypes import KEY_TYPES, KeyType, certificates_in, type_of
from cardcore.procedures import check_key
from cardcore.profile.model import KeySlot, KeySpec, Usage
from cardcore.profile.template import Value
from cardcore.secret import Secret
from cardcore.session import Session
from cardcore.sw import NOT_FOUND, Sw

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey

_TABLE = Place(file=0xA000, tag=0xDF1F)
_KEY_MAP = Place(file=0xA000, tag=0xDF20)
_APPLICATIONS = Place(file=0xA010, tag=0xDF21)
_CACHE = Place(file=0xA010, tag=0xDF22)
_CONTAINERS = Place(file=0xA010, tag=0xDF23)
_CARD_ID = Place(file=0xA012, tag=0xDF20)
_PUBLIC_FILE = 0xA010
_DIRECTORY = "mscp"
_CARD_ID_SIZE = 16
_CACHE_SIZE = 6
_CIPHER = "3des"
_OCTET_STRING = 0x04
_ABSENT = NOT_FOUND | {Sw.CONDITIONS_NOT_SATISFIED}
_MECHANISMS = {1024: 0x06, 2048: 0x07, 3072: 0x08, 4096: 0x09}
_INITIAL_TABLE = (
    (_DIRECTORY, "", Place(file=_TABLE.file, tag=0)),
    ("", "cardid", _CARD_ID),
    ("", "cardapps", _APPLICATIONS),
    ("", "cardcf", _CACHE),
    (_DIRECTORY, "cmapfile", _CONTAINERS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was read of the container map (None: there is none), and in which turn of which selection."""

    turn: tuple[int, int]
    map: ContainerMap | None


class GidsDirectory(FixedSlots):
    """Container map, key map, and certificates in the card's file system.

    A key slot is a container: slot 1 (reference 81) is container 0. The container map is read once per transaction.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seen: _Seen | None = None
        self._mark = Mark(session, self._state)

    # Data objects

    def _get(self, place: Place) -> bytes:
        answer = self._session.run("read", {**_file(place), "object": tlv.tag_bytes(place.tag)})
        item = tlv.parse_one(answer if isinstance(answer, bytes) else b"")
        if item.tag != place.tag:
            raise ReplyError(f"the card returned the object {item.tag:X} instead of {place.tag:X}")
        return item.value

    def _find(self, place: Place) -> bytes | None:
        """The content, None if there is no such object; a file that was created and not activated holds none."""
        try:
            return self._get(place)
        except StatusError as error:
            if error.sw in _ABSENT:
                return None
            raise

    def _put(self, place: Place, content: bytes) -> None:
        self._session.run("write", {**_file(place), "content": tlv.encode(place.tag, content)})

    def read(self, name: str) -> bytes:
        """Content of an object by its profile name, its identifier (file and tag), or its path as `mscp/cmapfile`."""
        return self._get(self._place(name))

    def write(self, name: str, content: bytes) -> None:
        """Replace the content of an object; other programs are told that files have changed."""
        with self._session.transaction():
            place = self._place(name)
            self._announce()
            self._seen = None
            self._put(place, content)

    def _place(self, name: str) -> Place:
        directory, slash, file = name.rpartition("/")
        if not slash:
            return Place.parse(identifier(self._session, name))
        found = self._table().find(directory, file)
        if found is None:
            raise NotFound(f"there is no file {name} on the card", sw=Sw.FILE_NOT_FOUND)
        return found

    def _table(self) -> FileTable:
        """The table of files; NotFound for a card that is not initialised."""
        content = self._find(_TABLE)
        if content is None:
            raise _uninitialised("file table")
        return FileTable.parse(content)

    def _announce(self, *, containers: bool = False) -> None:
        """Count the change in the file cardcf, by which other programs know that what they remember is stale."""
        old = self._find(_CACHE) or b""
        if len(old) != _CACHE_SIZE:
            old = bytes(_CACHE_SIZE)
        counts = [int.from_bytes(old[start : start + 2], "little") for start in (2, 4)]
        raised = [(count + step) & 0xFFFF for count, step in zip(counts, (containers, True), strict=True)]
        self._mark.forget()
        self._put(_CACHE, old[:2] + b"".join(count.to_bytes(2, "little") for count in raised))

    def serial(self) -> str:
        """The content of cardid in hexadecimal; empty for a card that is not initialised."""
        return serial_text(self._find(_CARD_ID) or b"")

    # Containers and keys

    def containers(self) -> tuple[Container, ...]:
        """The containers that hold a key."""
        return tuple(container for container in self._map().containers if container.bits)

    def container(self, slot: KeySlot) -> Container:
        """The container of a slot; NotFound if it holds no key."""
        found = self._map().get(self._index(slot))
        if not found.bits:
            raise NotFound(f"there is no key in {slot.name}", sw=Sw.DATA_NOT_FOUND, hint="Generate or import one.")
        return found

    def _index(self, slot: KeySlot) -> int:
        return slot.ref - min(other.ref for other in self._session.profile.keys.values())

    def _map(self) -> ContainerMap:
        """The container map; NotFound for a card that is not initialised."""
        with self._session.transaction():
            seen = self._seen
            if seen is None or seen.turn != (self._session.turns, self._session.losses):
                content = self._find(_CONTAINERS)
                found = None if content is None else ContainerMap.parse(content)
                seen = self._seen = _Seen(turn=(self._session.turns, self._session.losses), map=found)
        if seen.map is None:
            raise _uninitialised("container map")
        return seen.map

    def key(self, slot: KeySlot) -> KeyInfo:
        """What the container map says of a slot's key: its size. One that only signs is told as such."""
        container = self.container(slot)
        if container.for_signature:
            slot = replace(slot, usage=slot.usage & {Usage.SIGN}, key_spec=KeySpec.SIGNATURE)
        kind = KEY_TYPES.get(f"rsa{container.bits}")
        return KeyInfo(slot=slot, type=kind, policy=slot.policy, container=container.name)

    def reserve(self, slot: KeySlot, kind: KeyType) -> KeySlot:
        """Make the file of a new key, with what the key can be used for; a key that is there is deleted first."""
        if kind.bits not in _MECHANISMS:
            raise NotSupported(f"this directory has no number for keys of type {kind.name}")
        if slot.pin not in self._session.verified:
            raise PinRequired("making a key on this card needs its PIN")
        values: dict[str, Value] = {"key.file": slot.file, "key.ref": slot.ref, "key.type": kind.name}
        with self._session.transaction():
            if self._map().get(self._index(slot)).valid:
                self.strike(slot)
            self._remove_file(values)
            self._session.run("create-key", values)
        return slot

    def _remove_file(self, values: dict[str, Value]) -> None:
        """Delete the file of an earlier key; one whose making was interrupted cannot be deleted before it is active."""
        with suppress(NotFound):  # the usual case: there is none
            try:
                self._session.run("delete-key", values)
            except StatusError as error:
                if error.sw != Sw.CONDITIONS_NOT_SATISFIED:
                    raise
                self._session.run("activate-key", values)
                self._session.run("delete-key", values)

    def enrol(self, slot: KeySlot, public: PublicKey, origin: str) -> None:
        """Enter a key pair as a new container, for exchange as well as signatures."""
        bits = type_of(public).bits
        index = self._index(slot)
        with self._session.transaction():
            containers = self._map().with_container(Container.new(index, bits))
            keys = self._keys().with_key(index, _MECHANISMS[bits], int.from_bytes(slot.file))
            self._store_maps(keys, containers)

    def strike(self, slot: KeySlot) -> None:
        """Take a container out of the maps, and its certificate off the card."""
        index = self._index(slot)
        with self._session.transaction():
            self.delete_certificate(slot)
            if not self._map().get(index).valid:
                return
            containers = self._map().with_container(Container(index=index))
            self._store_maps(self._keys().without_key(index), containers)

    def key_name(self, slot: KeySlot) -> str:
        """The name of the slot's container."""
        return self.container(slot).name

    def name_key(self, slot: KeySlot, name: str) -> None:
        """Name a container: 1 to 39 UTF-16 units (Minidriver Specification 7.07, 5.4), no two of a card alike."""
        with self._session.transaction():
            container = self.container(slot).named(name)
            containers = self._map()
            others = (other.name.casefold() for other in self.containers() if other.index != container.index)
            if name.casefold() in others:
                raise InputError(
                    "another container of this card has that name",
                    hint="They differ in more than upper and lower case.",
                )
            self._seen = None
            self._announce(containers=True)
            self._put(_CONTAINERS, containers.with_container(container).encode())

    def _keys(self) -> KeyMap:
        return KeyMap.parse(self._find(_KEY_MAP) or b"")

    def _store_maps(self, keys: KeyMap, containers: ContainerMap) -> None:
        """Write both maps, with as many records in either: programs refuse a card where they differ."""
        count = containers.used
        self._seen = None
        self._announce(containers=True)
        self._put(_KEY_MAP, keys.resized(count).encode())
        self._put(_CONTAINERS, containers.resized(count).encode())

    # Certificates

    def certificate(self, slot: KeySlot) -> bytes | None:
        """The certificate of a container, decompressed."""
        return remembered(self._session, f"certificate {slot.name}", self._mark, lambda: self._certificate(slot))

    def _state(self) -> bytes:
        """What stands for the state of this card; empty if it is not initialised.

        By cardid and cardcf programs know whether what they remember still holds. Containers have random names, which
        tell cards apart that were given the same cardid.
        """
        card_id, counts, containers = (self._find(place) or b"" for place in (_CARD_ID, _CACHE, _CONTAINERS))
        if not card_id or len(counts) != _CACHE_SIZE:
            return b""
        return b"".join(tlv.encode(_OCTET_STRING, part) for part in (card_id, counts, containers))

    def _certificate(self, slot: KeySlot) -> bytes | None:
        try:
            table = self._table()
        except NotFound:
            return None
        place = self._certificate_place(table, slot)
        content = None if place is None else self._find(place)
        return decompress(content) if content else None

    def _certificate_place(self, table: FileTable, slot: KeySlot) -> Place | None:
        """Where the certificate is, of the exchange key (kxc00, ...) or else of the signature key (ksc00, ...)."""
        index = self._index(slot)
        return table.find(_DIRECTORY, f"kxc{index:02X}") or table.find(_DIRECTORY, f"ksc{index:02X}")

    def store_certificate(self, slot: KeySlot, der: bytes) -> None:
        """Write a certificate, compressed as the minidriver wants it; a new file enters the table last."""
        content = compress(der)
        with self._session.transaction():
            table = self._table()
            place = self._certificate_place(table, slot)
            self._announce()
            if place is not None:
                self._put(place, content)
                return
            kind = "ksc" if self._map().get(self._index(slot)).for_signature else "kxc"
            table = table.with_file(_DIRECTORY, f"{kind}{self._index(slot):02X}", _PUBLIC_FILE)
            self._put(table.entries[-1].place, content)
            self._put(_TABLE, table.encode())

    def delete_certificate(self, slot: KeySlot) -> None:
        """Take a certificate out of the table, and empty its object."""
        with self._session.transaction():
            table = self._table()
            place = self._certificate_place(table, slot)
            if place is None:
                return
            self._announce()
            self._put(_TABLE, table.without(place).encode())
            self._put(place, b"")

    def other_certificates(self) -> list[bytes]:
        """Those in the file msroots (Minidriver Specification 7.07): an enterprise's roots, as a bag of PKCS #7."""
        with self._session.transaction():
            try:
                place = self._table().find(_DIRECTORY, "msroots")
            except NotFound:
                return []
            content = None if place is None else self._find(place)
        found = certificates_in(decompress(content)) if content else []
        require_few_others(len(found))
        return found

    # A new card

    def holdings(self) -> list[str]:
        """The file system, containers and certificates; nothing while the card still awaits its initialisation."""
        if awaits_secrets(self._session):
            return []
        try:
            table = self._table()
        except NotFound:
            return ["a PIN"]
        certificates = [entry.name for entry in table.entries if entry.name.lower()[:3] in ("kxc", "ksc")]
        keys = [f"container {container.name}" for container in self.containers()]
        return ["a card file system", *keys, *(f"certificate {name}" for name in certificates)]

    def initialise(self, setup: Setup) -> None:
        """Set the PIN and the admin key, make the minidriver's files, and end the initialisation.

        Whatever interrupts it, it can be begun again: until the last command the card takes everything anew.
        """
        if setup.label:
            raise InputError("this kind of card has no label", hint="Leave --label out.")
        if setup.puk is not None:
            raise InputError("this kind of card has no PUK", hint="The admin key unblocks the PIN.")
        if setup.pin is None or setup.admin is None:
            raise InputError("a blank card of this kind is given a PIN and an admin key", hint="Use --pin and --admin.")
        check_key(setup.admin, _CIPHER)
        spec, admin = self._session.profile.pins["user"], self._session.profile.admin
        with spec.block(setup.pin) as block, self._session.transaction():
            values: dict[str, Value | Secret] = {"pin.ref": spec.ref, "admin.ref": admin.ref if admin else 0}
            self._session.run("set-up", {**values, "new_pin.block": block, "new_admin.key": setup.admin})
            self._write_files(setup.serial or secrets.token_bytes(_CARD_ID_SIZE))
            if setup.numbered is not None:
                setup.numbered()
            self._session.run("activate", {})
            self._seen = None

    def _write_files(self, card_id: bytes) -> None:
        self._put(_APPLICATIONS, _DIRECTORY.encode().ljust(8, b"\x00"))
        self._put(_CACHE, bytes(_CACHE_SIZE))
        if self._find(_CONTAINERS) is None:  # an empty object that is written empty again would vanish
            self._put(_CONTAINERS, b"")
        table = FileTable()
        for directory, name, place in _INITIAL_TABLE:
            table = table.with_entry(directory, name, place)
        self._put(_TABLE, table.encode())
        self._put(_CARD_ID, card_id)  # last: a card that tells its serial number has everything else


def _uninitialised(what: str) -> NotFound:
    return NotFound(f"the card has no {what}", sw=Sw.FILE_NOT_FOUND, hint="Initialise it: `cardcore init`.")


def _file(place: Place) -> dict[str, Value]:
    return {"file.high": place.file >> 8 & 0xFF, "file.low": place.file & 0xFF}
