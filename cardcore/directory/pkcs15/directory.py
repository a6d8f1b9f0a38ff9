"""Keys, certificates and data objects by their PKCS#15 entries (ISO 7816-15:2016).

Keys are named by their identifiers: key 1 has the identifier 01, key 45 the identifier 45 (hexadecimal). Lists are read
when they are first wanted, and again before one of them is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from cardcore import keytypes
from cardcore.directory.base import MAX_CERTIFICATE, KeyInfo, Setup
from cardcore.directory.files import MF, Files
from cardcore.directory.firstsecrets import awaits_secrets
from cardcore.directory.pkcs15 import encoding, entries
from cardcore.directory.pkcs15.creation import Creation, numbered_first
from cardcore.directory.pkcs15.entries import USAGE_BITS, CertificateEntry, KeyEntry, Location
from cardcore.directory.pkcs15.labels import id_of_entry, label_entries
from cardcore.directory.pkcs15.others import other_certificates
from cardcore.directory.pkcs15.room import Room
from cardcore.directory.pkcs15.structure import Kind, Structure
from cardcore.directory.pkcs15.token import Token
from cardcore.directory.remembering import remembered
from cardcore.errors import InputError, NotFound, NotSupported, ReplyError, SecurityStatus, StatusError
from cardcore.keytypes import KEY_TYPES, KeyType
from cardcore.profile.model import KeySlot, PinPolicy, Usage
from cardcore.profile.template import Value
from cardcore.session import Session
from cardcore.sw import Sw
from cardcore.tlv import Tlv, parse_one

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey

_MAX_KEYS = 128


def name_of(key_id: bytes) -> str:
    """The name of the key with this identifier: hexadecimal, without leading zeros where it is as short as can be.

    So no two keys have one name: 01 is 1, and 0001 is 0001.
    """
    short = key_id.hex().lstrip("0") or "0"
    return short if id_of(short) == key_id else key_id.hex()


def id_of(name: str) -> bytes:
    """The identifier that a new key of this name gets; InputError for a name that is none in hexadecimal."""
    try:
        return bytes.fromhex(name.rjust(len(name) + len(name) % 2, "0"))
    except ValueError as error:
        raise InputError(
            f"{name} is no identifier of a key", hint="Name keys of such cards in hexadecimal: 1, 45."
        ) from error


class Pkcs15Directory:
    """The PKCS#15 application of one card."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._files = Files(session)
        self._structure = Structure(session, self._files)
        self._token = Token(session, self._files, self._structure)
        self._room = Room(session, self._files, self._structure)
        self._found: dict[str, KeyEntry] = {}
        self._losses = session.losses
        self._learned = 0

    # Keys

    def slots(self) -> Mapping[str, KeySlot]:
        """The profile's slots, then the keys on the card that have other identifiers."""
        known = self._session.profile.keys
        found = dict(known)
        try:
            present = self._private_keys()
        except NotFound:
            return known
        for entry in present:
            if entry.id:  # without one nobody can name it
                found.setdefault(name_of(entry.id), KeySlot(name=name_of(entry.id), ref=entry.reference or 0))
        return found

    def find(self, slot: KeySlot) -> KeySlot:
        """The slot with reference, PIN policy and usage as in the key's entry; NotFound if there is none."""
        return self._placed(slot, self._entry(slot))

    def require_type(self, slot: KeySlot, kind: KeyType) -> None:
        """Nothing: what the profile's algorithms have, each slot takes."""

    def reserve(self, slot: KeySlot, kind: KeyType) -> KeySlot:
        """The place of the key if it is there; else the slot's own reference, or another that no key has."""
        with self._changing():
            present = self._private_keys()
            mine = next((entry for entry in present if name_of(entry.id) == slot.name), None)
            if mine is not None and mine.reference is not None:
                return replace(slot, ref=mine.reference, file=self._key_file(slot, mine))
            taken = {entry.reference for entry in present}
            files = {self._key_file(slot, entry)[-2:] for entry in present} - {b""}
            for other in (slot, *self._session.profile.keys.values()):
                place = replace(slot, ref=other.ref, file=other.file)
                if other.ref not in taken and other.file[-2:] not in files and self._make_place(place, kind):
                    return place
                taken.add(other.ref)
        raise NotSupported("the card has no room for another key", hint="Delete one that is not needed any more.")

    def _key_file(self, slot: KeySlot, entry: KeyEntry) -> bytes:
        """Where a card that keeps each key in a file of its own has it; empty for others."""
        if not slot.file or not isinstance(entry.value, Location):
            return slot.file
        return self._structure.absolute(entry.value).path

    def _make_place(self, slot: KeySlot, kind: KeyType) -> bool:
        """Make the file of a new key, where each has one; False if there is one, perhaps with a key, in no list."""
        if not self._session.engine.can("create-key"):
            return True
        values: dict[str, Value] = {"key.name": slot.name, "key.ref": slot.ref, "key.file": slot.file}
        values |= {"key.file.id": slot.file[-2:], "key.certificate": slot.certificate}
        values |= {"key.type": kind.name, "key.kind": kind.kind.value, "key.size": kind.bits}
        try:
            self._session.run("create-key", values)
        except SecurityStatus:
            raise
        except StatusError:
            if not self._files.exists(self._structure.application + slot.file[-2:]):
                raise
            return False
        return True

    def key(self, slot: KeySlot) -> KeyInfo:
        """Type, policy and origin by the key's entry; the public key is read only when it is wanted."""
        entry = self._entry(slot)
        placed = self._placed(slot, entry)
        origin = "generated" if entry.local else ""
        return KeyInfo(slot=placed, type=self._type(slot, entry), policy=placed.policy, origin=origin)

    def public_key(self, slot: KeySlot) -> PublicKey | None:
        """The public key that has the same identifier, else that of the certificate, else None."""
        with self._session.transaction():
            for item in self._structure.entries(Kind.PUBLIC_KEYS):
                entry = entries.read_key(item)
                if name_of(entry.id) == slot.name and entry.value:
                    return encoding.read_public_value(self._structure.value(entry.value), entry)
            return None

    def enrol(self, slot: KeySlot, public: PublicKey, origin: str) -> None:
        """Write the public key to a file, and the entries of both keys."""
        kind, key_id = keytypes.type_of(public), self._id(slot)
        with self._changing():
            path = self._room.new_file("public-keys", Kind.PUBLIC_KEYS, encoding.public_value(public))
            self._put(Kind.PUBLIC_KEYS, "pukdf", encoding.public_key(slot, kind, key_id=key_id, where=path))
            raw = encoding.private_key(
                slot,
                kind,
                key_id=key_id,
                auth_id=self._auth_id(slot),
                where=self._structure.application + slot.file[-2:],
                generated=origin == "generated",
            )
            self._put(Kind.PRIVATE_KEYS, "prkdf", raw)
            self._token.touch()

    def strike(self, slot: KeySlot) -> None:
        """Remove the entries of both keys, and the file of the public one."""
        with self._changing():
            self._remove(Kind.PRIVATE_KEYS, self._id(slot))
            self._remove(Kind.PUBLIC_KEYS, self._id(slot))
            self._token.touch()

    def _private_keys(self) -> list[KeyEntry]:
        with self._session.transaction():
            found = self._structure.entries(Kind.PRIVATE_KEYS)
            if len(found) > _MAX_KEYS:
                raise ReplyError(f"more than {_MAX_KEYS} keys")
            return [entries.read_key(item) for item in found]

    def _entry(self, slot: KeySlot) -> KeyEntry:
        """The private key's entry; one that was found once holds until the card is reset, to spare its reading."""
        if self._losses != self._session.losses:
            self._found.clear()
            self._learned = 0
        if slot.name not in self._found:
            with self._session.transaction():
                self._learn(slot)
        self._losses = self._session.losses  # what was just read was read after the card was taken up again
        return self._found[slot.name]

    def _learn(self, slot: KeySlot) -> None:
        """Read entries: from the file that the profile says they are usually in, else by way of EF.ODF; once a turn."""
        if self._learned != self._session.turns:
            self._take_up(self._structure.usual_list("prkdf"))
            if slot.name not in self._found:
                self._learned = self._session.turns
                self._take_up(self._structure.entries(Kind.PRIVATE_KEYS))
        if slot.name not in self._found:
            raise NotFound(f"there is no key {slot.name}", sw=Sw.DATA_NOT_FOUND, hint="Generate or import one.")

    def _take_up(self, items: list[Tlv]) -> None:
        for item in items:
            entry = entries.read_key(item)
            self._found.setdefault(name_of(entry.id), entry)

    def _placed(self, slot: KeySlot, entry: KeyEntry) -> KeySlot:
        usage = frozenset(use for use in Usage if USAGE_BITS[use] & entry.usage) if entry.usage else slot.usage
        file = self._structure.absolute(entry.value).path if isinstance(entry.value, Location) else slot.file
        return replace(
            slot,
            ref=slot.ref if entry.reference is None else entry.reference,
            label=entry.common.label or slot.label,
            file=file,
            usage=usage & slot.usage,
            policy=PinPolicy.ALWAYS if entry.common.consent else slot.policy,
        )

    def _type(self, slot: KeySlot, entry: KeyEntry) -> KeyType | None:
        named = KEY_TYPES.get(f"{'ecp' if entry.kind is keytypes.Kind.EC else 'rsa'}{entry.bits}")
        if named is not None and named.kind is entry.kind:
            return named
        public = self.public_key(slot)
        if public is None:
            der = self.certificate(slot)
            public = None if der is None else keytypes.certified_key(keytypes.load_certificate(der))
        return None if public is None else keytypes.type_of(public)

    def _id(self, slot: KeySlot) -> bytes:
        """The identifier of the key of that name as the card has it, else as a new one gets it."""
        present = (entry.id for entry in self._private_keys())
        return next((key_id for key_id in present if name_of(key_id) == slot.name), id_of(slot.name))

    def _auth_id(self, slot: KeySlot) -> bytes:
        """How objects of this card name the PIN that the slot wants; empty if the card has no entry for it."""
        spec = self._session.profile.pins.get(slot.pin)
        if slot.policy is PinPolicy.NEVER or spec is None:
            return b""
        pins = [entries.read_pin(item) for item in self._structure.entries(Kind.AUTHENTICATION)]
        return next((pin.id for pin in pins if pin is not None and pin.reference == spec.ref), b"")

    # Certificates

    def certificate(self, slot: KeySlot) -> bytes | None:
        """The certificate that has the key's identifier."""
        return remembered(self._session, f"certificate {slot.name}", self._token.mark, lambda: self._certificate(slot))

    def _certificate(self, slot: KeySlot) -> bytes | None:
        with self._session.transaction():
            try:
                entry = self._certificate_entry(slot)
            except NotFound:
                return None
            der = None if entry is None else self._structure.value(entry.value)
        if der is not None and len(der) > MAX_CERTIFICATE:
            raise ReplyError(f"a certificate of {len(der)} bytes")
        return der

    def _certificate_entry(self, slot: KeySlot) -> CertificateEntry | None:
        found = (entries.read_certificate(item) for item in self._structure.entries(Kind.CERTIFICATES))
        return next((entry for entry in found if entry is not None and name_of(entry.id) == slot.name), None)

    def store_certificate(self, slot: KeySlot, der: bytes) -> None:
        """Write a certificate to a file, and its entry."""
        if len(der) > MAX_CERTIFICATE:
            raise InputError(f"a certificate of {len(der)} bytes is too large")
        with self._changing():
            self._token.touch()  # before the change: if that is interrupted, what others remember is stale
            path = self._room.new_file("certificates", Kind.CERTIFICATES, der)
            self._put(Kind.CERTIFICATES, "cdf", encoding.certificate(slot, key_id=self._id(slot), where=path))

    def delete_certificate(self, slot: KeySlot) -> None:
        """Remove a certificate's entry and its file."""
        with self._changing():
            self._token.touch()
            self._remove(Kind.CERTIFICATES, self._id(slot))

    def other_certificates(self) -> list[bytes]:
        """Those in the lists of certificates that have no private key's identifier."""
        with self._session.transaction():
            return other_certificates(self._structure)

    def key_name(self, slot: KeySlot) -> str:
        """The label in the private key's entry."""
        return self._entry(slot).common.label

    def name_key(self, slot: KeySlot, name: str) -> None:
        """Label the entries of a key pair and of its certificate; 1 to 255 bytes of UTF-8 (8.2.1)."""
        key_id = self._entry(slot).id
        with self._changing():
            self._token.touch()
            label_entries(self._structure, key_id, name)

    # Changing lists

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One transaction in which everything is read anew, so that no other program's change is lost."""
        with self._session.transaction():
            self._forget()
            self._structure.odf()
            yield
            self._forget()

    def _settle(self) -> None:
        """Begin with a command that succeeds: a failing first one looks like a lost selection, and costs the PIN."""
        if self._session.verified:
            self._structure.odf()

    def _forget(self) -> None:
        self._found.clear()
        self._learned = 0
        self._structure.forget()

    def _put(self, kind: Kind, name: str, raw: bytes) -> None:
        """Put the entry in place of the one with the same identifier, whose file goes last; or add it."""
        new = parse_one(raw)
        key_id = id_of_entry(kind, new)
        for listing in self._structure.lists(kind):
            same = [item for item in listing.items if id_of_entry(kind, item) == key_id]
            if same:
                left = self._room.files_of(kind, same[:1])
                self._structure.rewrite(listing, tuple(new if item is same[0] else item for item in listing.items))
                self._room.delete(left)
                return
        self._structure.append(kind, name, new)

    def _remove(self, kind: Kind, key_id: bytes) -> None:
        """Take the entries of an identifier away, then the files with their values."""
        listings = self._structure.lists(kind)
        gone = [item for listing in listings for item in listing.items if id_of_entry(kind, item) == key_id]
        left = self._room.files_of(kind, gone)
        for listing in listings:
            kept = tuple(item for item in listing.items if item not in gone)
            if kept != listing.items:
                self._structure.rewrite(listing, kept)
        self._room.delete(left)

    # Data objects and the card as a whole

    def serial(self) -> str:
        """The serial number in EF.TokenInfo in hexadecimal; empty if the card has no PKCS#15 application."""
        return self._token.serial()

    def read(self, name: str) -> bytes:
        """A file by its profile name or path in hexadecimal, or the data object whose entry has that label."""
        path = self._path(name)
        with self._session.transaction():
            if path is not None:
                self._settle()
                return self._files.whole(path)
            found = [entries.read_data(item) for item in self._structure.entries(Kind.DATA)]
            for entry in found:
                if entry is not None and entry.common.label == name:
                    return self._structure.value(entry.value)
        raise NotFound(f"the card has no data object {name}", sw=Sw.DATA_NOT_FOUND)

    def write(self, name: str, content: bytes) -> None:
        """Write from the beginning of a file, by its profile name or path; it is made if it is not there."""
        path = self._path(name)
        if path is None:
            raise InputError(f"unknown file {name}", hint="Give its path in hexadecimal, as 3F0050154301.")
        with self._changing():
            self._token.touch()
            if not self._files.exists(path):
                self._files.create(path, max(1, len(content)), "pin")
            self._files.replace(path, content)

    def _path(self, name: str) -> bytes | None:
        known = self._session.profile.objects.get(name)
        if known is not None:
            return known
        try:
            path = bytes.fromhex(name)
        except ValueError:
            return None
        if not path or len(path) % 2:
            raise InputError(f"{name} is no path", hint="A path is a row of file identifiers of two bytes each.")
        return path if path.startswith(MF) else MF + path

    def holdings(self) -> list[str]:
        """The PKCS#15 application, if the card has one, or the PIN that an interrupted attempt has given it."""
        try:
            with self._session.transaction():
                self._structure.odf()
        except NotFound:
            return ["a PIN"] if numbered_first(self._session) and not awaits_secrets(self._session) else []
        except (StatusError, ReplyError):
            pass  # there is something, whatever it is
        return ["a PKCS#15 application"]

    def initialise(self, setup: Setup) -> None:
        """Set PIN and PUK and write EF.DIR, EF.ODF, EF.TokenInfo and the list of PINs."""
        with self._session.transaction():
            self._forget()
            Creation(self._session, self._files).run(setup)
