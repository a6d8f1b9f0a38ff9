"""The data objects of an OpenPGP card: Functional Specification of the OpenPGP application, version 3.4, 4.4."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cardcore import tlv
from cardcore.atr import parse_historical
from cardcore.channel import ChannelLimits
from cardcore.directory.base import MAX_CERTIFICATE, FixedSlots, KeyInfo, Setup
from cardcore.directory.objects import identifier, read_object, write_object
from cardcore.directory.openpgp_keys import attributes_for, fingerprint, kind_of
from cardcore.errors import InputError, NotFound, NotSupported, ReplyError, StatusError
from cardcore.keytypes import KEY_TYPES, KeyType
from cardcore.profile.model import KeySlot, PinPolicy
from cardcore.session import Session
from cardcore.sw import Sw

if TYPE_CHECKING:
    from cardcore.keytypes import PublicKey

_APPLICATION, _DISCRETIONARY, _AID, _HISTORICAL, _LENGTHS = 0x6E, 0x73, 0x4F, 0x5F52, 0x7F66
_PASSWORD_STATUS, _FINGERPRINTS, _KEY_INFORMATION = 0xC4, 0xC5, 0xDE
_STATUS_SIZE = 7
_TRIES = {0x81: 4, 0x82: 4, 0xD3: 5, 0x83: 6}  # of PW1, reset code and PW3 in the password status (4.4.2)
_ALGORITHMS = "FA"
_SIGNATURE = 0xB6
# Inside another object, which is what the card gives: cardholder data 65, security support 7A.
_WITHIN = {"5B": "65", "5F2D": "65", "5F35": "65", "93": "7A"}
_FINGERPRINT = 20
_SERIAL = slice(8, 14)
_OVERHEAD = 9  # header and length fields of an extended command, which 7F66 counts too
_NOT_THERE, _ORIGINS = 0, {1: "generated", 2: "imported"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a key's data objects are, and its position among the three keys."""

    index: int
    attributes: int
    fingerprint: int
    time: int


_PLACES = {
    0xB6: _Place(index=0, attributes=0xC1, fingerprint=0xC7, time=0xCE),
    0xB8: _Place(index=1, attributes=0xC2, fingerprint=0xC8, time=0xCF),
    0xA4: _Place(index=2, attributes=0xC3, fingerprint=0xC9, time=0xD0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _ApplicationData:
    """What application related data 6E tells (4.4.2), in one reading."""

    aid: bytes
    discretionary: bytes
    historical: bytes
    lengths: bytes

    def part(self, tag: int) -> bytes:
        """A discretionary data object; empty if the card has none of that tag."""
        return tlv.find(self.discretionary, [tag]) or b""


class OpenPgpDirectory(FixedSlots):
    """Three keys with their attributes, fingerprints and times; three certificates; the cardholder's data."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: _ApplicationData | None = None
        self._password_status = b""
        self._losses = session.losses

    def _data(self) -> _ApplicationData:
        """Application related data, read once until the card is reset or something in it changes."""
        self._renew()
        if self._known is None:
            self._known = _parsed(read_object(self._session, bytes((_APPLICATION,))))
            self._take_status(self._known.part(_PASSWORD_STATUS))
            self._session.channel.limits = _limits(self._known, self._session.channel.limits)
        return self._known

    def _renew(self) -> None:
        if self._losses != self._session.losses:
            self._forget()
            self._losses = self._session.losses

    def _forget(self) -> None:
        self._known, self._password_status = None, b""

    def _take_status(self, status: bytes) -> None:
        """Keep the password status, and let it spare the question how many tries are left."""
        self._password_status = status
        if len(status) == _STATUS_SIZE:
            pins = self._session.profile.pins.values()
            self._session.note_tries({pin.name: status[_TRIES[pin.ref]] for pin in pins if pin.ref in _TRIES})

    def serial(self) -> str:
        """Manufacturer and serial number out of the AID (4.2.1), in hexadecimal."""
        return self._data().aid[_SERIAL].hex().upper()

    def find(self, slot: KeySlot) -> KeySlot:
        """The slot; the signature key with the policy that the password status tells (4.3.1)."""
        if slot.ref != _SIGNATURE:
            return slot
        self._renew()
        if not self._password_status:
            self._take_status(read_object(self._session, bytes((_PASSWORD_STATUS,))))
        several = self._password_status[:1] == b"\x01"
        return replace(slot, policy=PinPolicy.ONCE if several else PinPolicy.ALWAYS)

    def key(self, slot: KeySlot) -> KeyInfo | None:
        """What attributes and key information tell; cards before 3.4 tell by the public key whether there is one."""
        data = self._data()  # has the password status too, which is then not asked for by itself
        found = self.find(slot)
        place = _PLACES[slot.ref]
        status = _status(data, place)
        if status == _NOT_THERE:
            raise NotFound(f"there is no key in {slot.name}", sw=Sw.DATA_NOT_FOUND, hint="Generate or import one.")
        if status is None:
            self._session.run("public-key", {"key.ref": slot.ref, "key.name": slot.name})
        kind = KEY_TYPES.get(kind_of(data.part(place.attributes)))
        return KeyInfo(slot=found, type=kind, policy=found.policy, origin=_ORIGINS.get(status or 0, ""))

    def reserve(self, slot: KeySlot, kind: KeyType) -> KeySlot:
        """The slot, its algorithm attributes set to the type if they are for another one (4.4.3.9)."""
        self._forget()
        wanted = self._attributes_to_set(slot, kind)
        if wanted:
            write_object(self._session, bytes((_PLACES[slot.ref].attributes,)), wanted)
            self._forget()
        return slot

    def require_type(self, slot: KeySlot, kind: KeyType) -> None:
        """NotSupported if the type is not among the attributes that the card says it takes."""
        self._attributes_to_set(slot, kind)

    def _attributes_to_set(self, slot: KeySlot, kind: KeyType) -> bytes:
        """The attributes for a key of that type; empty if they are those that the slot has."""
        tag = _PLACES[slot.ref].attributes
        present = self._data().part(tag)
        return b"" if kind_of(present) == kind.name else attributes_for(kind, slot.ref, present, self._offered(tag))

    def _offered(self, tag: int) -> list[bytes]:
        """The attributes that the card says it takes (4.4.3.11); empty if it does not say."""
        try:
            listed = tlv.parse(read_object(self._session, bytes.fromhex(_ALGORITHMS)))
        except StatusError:
            return []
        if len(listed) == 1 and listed[0].tag == int(_ALGORITHMS, 16):
            listed = tlv.parse(listed[0].value)
        return [item.value for item in listed if item.tag == tag]

    def enrol(self, slot: KeySlot, public: PublicKey, origin: str) -> None:
        """Write the fingerprint and the time of creation, without which OpenPGP programs do not see the key."""
        place, now = _PLACES[slot.ref], int(time.time())
        write_object(self._session, bytes((place.fingerprint,)), fingerprint(public, slot.ref, now))
        write_object(self._session, bytes((place.time,)), now.to_bytes(4))
        self._forget()

    def certificate(self, slot: KeySlot) -> bytes | None:
        """The certificate of a key, without what may be left behind it of a longer one."""
        self._data()
        try:
            content = read_object(self._session, slot.certificate)
        except NotFound:
            return None
        return content[: tlv.total_length(content)] if content else None

    def store_certificate(self, slot: KeySlot, der: bytes) -> None:
        """Write a certificate."""
        if len(der) > MAX_CERTIFICATE:
            raise InputError(f"a certificate of {len(der)} bytes is too large")
        self._data()
        write_object(self._session, slot.certificate, der)

    def delete_certificate(self, slot: KeySlot) -> None:
        """Make a certificate's object empty."""
        write_object(self._session, slot.certificate, b"")

    def read(self, name: str) -> bytes:
        """Content of a data object, out of the object that it is in where it has to be."""
        object_id = identifier(self._session, name)
        outer = _WITHIN.get(object_id.hex().upper())
        if outer is None:
            return read_object(self._session, object_id)
        content = read_object(self._session, bytes.fromhex(outer))
        tag = int.from_bytes(object_id)
        found = next((item.value for _, item in tlv.walk(content) if item.tag == tag), None)
        if found is None:
            raise NotFound(f"the card has no object {object_id.hex().upper()}", sw=Sw.DATA_NOT_FOUND)
        return found

    def write(self, name: str, content: bytes) -> None:
        """Replace the content of a data object."""
        write_object(self._session, identifier(self._session, name), content)
        self._forget()

    def holdings(self) -> list[str]:
        """Certificates, and what the cardholder has entered."""
        found = [name for name in ("name", "login", "url") if self.read(name)]
        return found + [f"certificate {slot.name}" for slot in self.slots().values() if self.certificate(slot)]

    def initialise(self, setup: Setup) -> None:
        """Cards of this kind come ready for use."""
        raise NotSupported(
            "this kind of card needs no initialisation",
            hint="Change the PINs: `cardcore pin change`, also --name admin.",
        )


def _parsed(content: bytes) -> _ApplicationData:
    """6E with or without its tag: cards differ."""
    inner = tlv.find(content, [_APPLICATION]) or content
    aid = tlv.require(inner, [_AID])
    if len(aid) < _SERIAL.stop:
        raise ReplyError(f"the card's AID has {len(aid)} bytes")
    return _ApplicationData(
        aid=aid,
        discretionary=tlv.require(inner, [_DISCRETIONARY]),
        historical=tlv.find(inner, [_HISTORICAL]) or b"",
        lengths=tlv.find(inner, [_LENGTHS]) or b"",
    )


def _status(data: _ApplicationData, place: _Place) -> int | None:
    """Status of a key in key information: 0 none, 1 generated, 2 imported; None if only the key itself tells."""
    information = data.part(_KEY_INFORMATION)
    pairs = dict(zip(information[::2], information[1::2], strict=False))
    if place.index + 1 in pairs:
        return pairs[place.index + 1]
    start = place.index * _FINGERPRINT
    return -1 if any(data.part(_FINGERPRINTS)[start : start + _FINGERPRINT]) else None


def _limits(data: _ApplicationData, limits: ChannelLimits) -> ChannelLimits:
    """What the historical bytes say of chaining and extended length, and 7F66 of the longest command (4.1.3.1)."""
    capabilities = parse_historical(data.historical).capabilities if data.historical else None
    if capabilities is None:
        return limits
    sizes = [int.from_bytes(item.value) for item in tlv.parse(data.lengths)]
    return replace(
        limits,
        chaining=bool(capabilities.chaining),
        extended=bool(capabilities.extended_length),
        longest=max(sizes[0] - _OVERHEAD, 1) if sizes else limits.longest,
    )
