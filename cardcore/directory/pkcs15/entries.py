"""Entries of PKCS#15 directory files: keys, certificates, PINs, data objects (ISO 7816-15:2016, 8.3 to 8.10)."""

from __future__ import annotations

from dataclasses import dataclass

from cardcore.directory.pkcs15 import der
from cardcore.directory.pkcs15.der import Reader
from cardcore.errors import ReplyError
from cardcore.keytypes import Kind
from cardcore.profile.model import Usage
from cardcore.tlv import Tlv

RSA_KEY, EC_KEY = 0x30, 0xA0
X509_CERTIFICATE = PIN = OPAQUE_DATA = 0x30
_SUBCLASS, _TYPE = 0xA0, 0xA1
_DIRECT = frozenset({0xA0, 0x80, 0x30})
_MAX_PATH = 32
_MAX_IDENTIFIER = 255
_REFERENCES = range(-0x80, 0x100)  # one byte, which some cards have as a signed number
_KINDS = {RSA_KEY: Kind.RSA, EC_KEY: Kind.EC}
USAGE_BITS: dict[Usage, frozenset[int]] = {
    Usage.SIGN: frozenset({2, 3, 9}),
    Usage.DECIPHER: frozenset({1, 5}),
    Usage.AGREE: frozenset({8}),
}
"""KeyUsageFlags (8.4.3): sign 2, signRecover 3, nonRepudiation 9; decipher 1, keyDecipher 5; derive 8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a value is: a file's path from the MF or the application, and the part of it (whole if `length` is 0)."""

    path: bytes
    index: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """CommonObjectAttributes (8.2.1): label, which PIN protects the object, for how many uses one PIN is good."""

    label: str = ""
    auth_id: bytes = b""
    consent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """A private or public key. `bits` is the modulus or field size, 0 where the entry does not tell."""

    raw: bytes
    common: Common
    id: bytes
    kind: Kind | None
    usage: frozenset[int] = frozenset()
    reference: int | None = None
    bits: int = 0
    local: bool = False
    value: Location | bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateEntry:
    """A certificate: its value is in a file, or in the entry itself."""

    raw: bytes
    common: Common
    id: bytes
    value: Location | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PinEntry:
    """A PIN; objects name it by `id`, commands by `reference`."""

    raw: bytes
    common: Common
    id: bytes
    reference: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataEntry:
    """A data object of some application."""

    raw: bytes
    common: Common
    application: str
    value: Location | bytes


def location(item: Tlv) -> Location:
    """A Path (8.2.5): efidOrPath, then index and length or neither."""
    reader = Reader(item.value, "a path")
    path = reader.next(der.OCTET_STRING).value
    index, length = reader.optional(der.INTEGER), reader.optional(0x80)
    found = Location(
        path=path,
        index=0 if index is None else der.read_integer(index),
        length=0 if length is None else der.read_integer(length),
    )
    if not path or len(path) % 2 or len(path) > _MAX_PATH or found.index < 0 or found.length < 0:
        raise ReplyError("a path that leads nowhere")
    return found


def _identifier(reader: Reader) -> bytes:
    """An Identifier (8.2.2): 0 to 255 bytes."""
    found = reader.next(der.OCTET_STRING).value
    if len(found) > _MAX_IDENTIFIER:
        raise ReplyError(f"an identifier of {len(found)} bytes")
    return found


def _reference(item: Tlv) -> int:
    """The number of a key or PIN by which commands name it."""
    found = der.read_integer(item)
    if found not in _REFERENCES:
        raise ReplyError(f"a reference, {found}, that is no byte")
    return found & 0xFF


def _common(reader: Reader) -> Common:
    inner = Reader(reader.next(der.SEQUENCE).value, "the common attributes of an object")
    label, _, auth_id = (
        inner.optional(der.UTF8_STRING),
        inner.optional(der.BIT_STRING),
        inner.optional(der.OCTET_STRING),
    )
    consent = inner.optional(der.INTEGER)
    return Common(
        label="" if label is None else der.read_text(label),
        auth_id=b"" if auth_id is None else auth_id.value,
        consent=0 if consent is None else der.read_integer(consent),
    )


def _value(item: Tlv) -> Location | bytes:
    """ObjectValue (8.2.6): a path (SEQUENCE), or the value itself in a context tag."""
    return location(item) if item.tag == der.SEQUENCE else item.value


def _type_attributes(reader: Reader, what: str) -> list[Tlv]:
    """The parts of the type's own attributes, past those of the subclass."""
    reader.optional(_SUBCLASS)
    inner = Reader(reader.next(_TYPE).value, what)
    return Reader(inner.next(der.SEQUENCE).value, what).rest()


def read_key(item: Tlv) -> KeyEntry:
    """An entry of a PrKDF or PuKDF; `kind` is None for kinds of key other than RSA and EC."""
    raw = item.encode()
    reader = Reader(item.value, "a key's entry")
    common = _common(reader)
    inner = Reader(reader.next(der.SEQUENCE).value, "a key's attributes")
    identifier = _identifier(inner)
    usage = inner.optional(der.BIT_STRING)
    inner.optional(der.BOOLEAN)
    access = inner.optional(der.BIT_STRING)
    reference = inner.optional(der.INTEGER)
    kind = _KINDS.get(item.tag)
    parts = [] if kind is None else _type_attributes(reader, "a key's type attributes")
    return KeyEntry(
        raw=raw,
        common=common,
        id=identifier,
        kind=kind,
        usage=frozenset() if usage is None else der.read_bits(usage),
        reference=None if reference is None else _reference(reference),
        bits=_size(parts),
        local=access is not None and 4 in der.read_bits(access),
        value=_value(parts[0]) if parts else b"",
    )


def _size(parts: list[Tlv]) -> int:
    """Modulus length of an RSA key. For EC the standard has curve parameters here, and widespread software the size."""
    if len(parts) < 2 or parts[1].tag != der.INTEGER:
        return 0
    return max(0, der.read_integer(parts[1]))


def read_certificate(item: Tlv) -> CertificateEntry | None:
    """An entry of a CDF; None if it is no X.509 certificate."""
    if item.tag != X509_CERTIFICATE:
        return None
    reader = Reader(item.value, "a certificate's entry")
    common = _common(reader)
    inner = Reader(reader.next(der.SEQUENCE).value, "a certificate's attributes")
    identifier = _identifier(inner)
    parts = _type_attributes(reader, "a certificate's type attributes")
    if not parts or parts[0].tag not in _DIRECT:
        raise ReplyError("a certificate's entry says nothing of its value")
    return CertificateEntry(raw=item.encode(), common=common, id=identifier, value=_value(parts[0]))


def read_pin(item: Tlv) -> PinEntry | None:
    """An entry of an AODF; None if it is no PIN (but a biometric template or a key)."""
    if item.tag != PIN:
        return None
    reader = Reader(item.value, "a PIN's entry")
    common = _common(reader)
    inner = Reader(reader.next(der.SEQUENCE).value, "a PIN's attributes")
    identifier = inner.optional(der.OCTET_STRING)
    reader.optional(_SUBCLASS)
    attributes = Reader(reader.next(_TYPE).value, "a PIN's attributes")
    parts = Reader(attributes.next(der.SEQUENCE).value, "a PIN's attributes").rest()
    reference = next((part for part in parts if part.tag == 0x80), None)
    return PinEntry(
        raw=item.encode(),
        common=common,
        id=b"" if identifier is None else identifier.value,
        reference=0 if reference is None else _reference(reference),
    )


def read_data(item: Tlv) -> DataEntry | None:
    """An entry of a DODF; None if it is not of the opaque kind."""
    if item.tag != OPAQUE_DATA:
        return None
    reader = Reader(item.value, "a data object's entry")
    common = _common(reader)
    inner = Reader(reader.next(der.SEQUENCE).value, "a data object's attributes")
    application = inner.optional(der.UTF8_STRING)
    reader.optional(_SUBCLASS)
    value = Reader(reader.next(_TYPE).value, "a data object's value").next()
    return DataEntry(
        raw=item.encode(),
        common=common,
        application="" if application is None else der.read_text(application),
        value=_value(value),
    )
