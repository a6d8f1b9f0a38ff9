"""The messages of CMP (RFC 9810, 5.1): put together, and taken apart.

Names, certificates, requests and algorithms stay the bytes that they are: what was signed must not be written anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import TypeVar

from pyasn1.codec.der import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import base, namedtype, tag, univ, useful
from pyasn1_alt_modules import rfc5280, rfc9810

MOST_BYTES = 128 << 10
MOST_CERTIFICATES = 16
_LONGEST_NONCE = 64
_TAGGED = 0xA0
_VERSION, _VERSION_WITH_HASHES = 2, 3

Known = TypeVar("Known", bound=base.SimpleAsn1Type | base.ConstructedAsn1Type)


class Body(IntEnum):
    """The bodies of a message that are spoken, by their tags (5.1.2)."""

    CP = 3
    P10CR = 4
    PKICONF = 19
    GENM = 21
    GENP = 22
    ERROR = 23
    CERTCONF = 24
    POLLREQ = 25
    POLLREP = 26


class Malformed(Exception):
    """Bytes that are no message of CMP; says in a few words why."""


def explicit(number: int, kind: Known) -> Known:
    """The type with an explicit tag of the context."""
    outer = tag.Tag(tag.tagClassContext, tag.tagFormatConstructed, number)
    made: Known = kind.subtype(explicitTag=outer)  # type: ignore[no-untyped-call]  # not in its stubs
    return made


class _Header(univ.Sequence):
    """PKIHeader (5.1.1)."""

    componentType = namedtype.NamedTypes(
        namedtype.NamedType("pvno", univ.Integer()),
        namedtype.NamedType("sender", univ.Any()),
        namedtype.NamedType("recipient", univ.Any()),
        namedtype.OptionalNamedType("messageTime", explicit(0, useful.GeneralizedTime())),
        namedtype.OptionalNamedType("protectionAlg", explicit(1, rfc5280.AlgorithmIdentifier())),
        namedtype.OptionalNamedType("senderKID", explicit(2, univ.OctetString())),
        namedtype.OptionalNamedType("recipKID", explicit(3, univ.OctetString())),
        namedtype.OptionalNamedType("transactionID", explicit(4, univ.OctetString())),
        namedtype.OptionalNamedType("senderNonce", explicit(5, univ.OctetString())),
        namedtype.OptionalNamedType("recipNonce", explicit(6, univ.OctetString())),
        namedtype.OptionalNamedType("freeText", explicit(7, rfc9810.PKIFreeText())),
        namedtype.OptionalNamedType("generalInfo", explicit(8, rfc9810.GenMsgContent())),
    )


class Certificates(univ.SequenceOf):
    """Several certificates, each as its bytes."""

    componentType = univ.Any()


class _Message(univ.Sequence):
    """PKIMessage (5.1), and without its last two parts ProtectedPart (5.1.3)."""

    componentType = namedtype.NamedTypes(
        namedtype.NamedType("header", univ.Any()),
        namedtype.NamedType("body", univ.Any()),
        namedtype.OptionalNamedType("protection", explicit(0, univ.BitString())),
        namedtype.OptionalNamedType("extraCerts", explicit(1, Certificates())),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What stands in a header. `sender` and `recipient` are GeneralNames as DER, `algorithm` an AlgorithmIdentifier.

    An empty value is one that is not there. `answered` is the nonce of the message that this one answers. `implicit`
    asks for, or grants, that a certificate needs no confirmation (5.1.1.1).
    """

    sender: bytes
    recipient: bytes
    transaction: bytes
    nonce: bytes
    answered: bytes = b""
    algorithm: bytes = b""
    key_id: bytes = b""
    implicit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that came in. `content` is its body without the outer tag, `kind`; `protected` is what is protected.

    `protection` is None where there is none; `certificates` are the extra ones, as DER.
    """

    header: Header
    kind: Body
    content: bytes
    protected: bytes
    protection: bytes | None
    certificates: tuple[bytes, ...]


def encoded(value: base.SimpleAsn1Type | base.ConstructedAsn1Type) -> bytes:
    """The value as DER."""
    return bytes(encoder.encode(value))


def directory_name(name: bytes) -> bytes:
    """A distinguished name as a GeneralName (RFC 5280, 4.2.1.6), both as DER."""
    return tagged(4, name)


def tagged(number: int, content: bytes) -> bytes:
    """DER with an explicit tag of the context around it."""
    return encoded(explicit(number, univ.Any(content)))


def content(number: int, data: bytes) -> bytes:
    """What is inside an explicit tag of the context; Malformed if that is not what it is."""
    return bytes(decoded(data, explicit(number, univ.Any())))


def header(values: Header, *, hashes: bool = False) -> bytes:
    """A header as DER, its time now; `hashes` says that the message names a hash, which is new in version 3."""
    made = _Header()
    made["pvno"] = _VERSION_WITH_HASHES if hashes else _VERSION
    made["sender"], made["recipient"] = values.sender, values.recipient
    made["messageTime"] = datetime.now(UTC).strftime("%Y%m%d%H%M%SZ")
    if values.algorithm:
        made["protectionAlg"] = decoded(tagged(1, values.algorithm), explicit(1, rfc5280.AlgorithmIdentifier()))
    optional = {
        "senderKID": values.key_id,
        "transactionID": values.transaction,
        "senderNonce": values.nonce,
        "recipNonce": values.answered,
    }
    for name, value in optional.items():
        if value:
            made[name] = value
    if values.implicit:
        made["generalInfo"][0]["infoType"] = rfc9810.id_it_implicitConfirm
        made["generalInfo"][0]["infoValue"] = univ.Any(encoded(univ.Null("")))
    return encoded(made)


def protected_part(header: bytes, body: bytes) -> bytes:
    """What is protected in a message."""
    return encoded(_parts(header, body))


def message(header: bytes, body: bytes, protection: bytes, certificates: tuple[bytes, ...]) -> bytes:
    """A whole message as DER."""
    made = _parts(header, body)
    made["protection"] = explicit(0, univ.BitString(hexValue=protection.hex()))
    if certificates:
        made["extraCerts"].extend(univ.Any(one) for one in certificates)
    return encoded(made)


def _parts(header: bytes, body: bytes) -> _Message:
    made = _Message()
    made["header"], made["body"] = header, body
    return made


def parsed(data: bytes) -> Message:
    """A message of at most 128 KiB; Malformed if it is none."""
    if len(data) > MOST_BYTES:
        raise Malformed(f"it has more than {MOST_BYTES} bytes")
    parts = decoded(data, _Message())
    head, body = bytes(parts["header"]), bytes(parts["body"])
    kind = _kind(body)
    protection = None
    if parts["protection"].isValue:
        protection = parts["protection"].asOctets()
    return Message(
        header=_parsed_header(head),
        kind=kind,
        content=content(kind, body),
        protected=protected_part(head, body),
        protection=protection,
        certificates=certificates(parts["extraCerts"]),
    )


def _kind(body: bytes) -> Body:
    try:
        return Body(body[0] ^ _TAGGED) if body else Body(0)
    except ValueError as error:
        raise Malformed("its body is of no kind that is known") from error


def _parsed_header(data: bytes) -> Header:
    found = decoded(data, _Header())
    informed = found["generalInfo"] if found["generalInfo"].isValue else ()
    return Header(
        sender=bytes(found["sender"]),
        recipient=bytes(found["recipient"]),
        transaction=_nonce(found["transactionID"]),
        nonce=_nonce(found["senderNonce"]),
        answered=_nonce(found["recipNonce"]),
        algorithm=content(1, encoded(found["protectionAlg"])) if found["protectionAlg"].isValue else b"",
        key_id=bytes(found["senderKID"]) if found["senderKID"].isValue else b"",
        implicit=any(item["infoType"] == rfc9810.id_it_implicitConfirm for item in informed),
    )


def _nonce(value: univ.OctetString) -> bytes:
    found = bytes(value) if value.isValue else b""
    if len(found) > _LONGEST_NONCE:
        raise Malformed(f"a nonce or the name of the transaction has {len(found)} bytes")
    return found


def certificates(found: base.Asn1Type) -> tuple[bytes, ...]:
    """The certificates of an optional field, the first sixteen of them, as DER."""
    if not isinstance(found, univ.SequenceOf) or not found.isValue:
        return ()
    return tuple(bytes(one) for one in found[:MOST_CERTIFICATES])


def decoded(data: bytes, kind: Known) -> Known:
    """DER decoded as a value of that type, nothing behind it; Malformed if it is not of that type.

    Values of the type are checked only as far as pyasn1 does that.
    """
    found: Known
    try:
        found, rest = decoder.decode(data, asn1Spec=kind)
    except (PyAsn1Error, ValueError, IndexError, OverflowError) as error:
        raise Malformed("it is not what ASN.1 says it should be") from error
    if rest:
        raise Malformed("something stands behind its end")
    return found
