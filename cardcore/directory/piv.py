"""The data objects of a PIV card: NIST SP 800-73-4, Part 1, section 3 and appendix A."""

from __future__ import annotations

import secrets
import zlib
from datetime import date

from cardcore import tlv
from cardcore.directory.base import MAX_CERTIFICATE, FixedSlots, Setup, serial_text
from cardcore.directory.objects import identifier, read_object, write_object
from cardcore.errors import InputError, NotFound, ReplyError, StatusError
from cardcore.profile.model import KeySlot
from cardcore.session import Session

_CONTAINER = 0x53
_DISCOVERY = 0x7E
_CERTIFICATE, _CERTIFICATE_INFO, _ERROR_DETECTION = 0x70, 0x71, 0xFE
_GZIP = 0x01
_FASC_N, _GUID, _EXPIRATION, _SIGNATURE = 0x30, 0x34, 0x35, 0x3E
_NON_FEDERAL_FASC_N = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421C84210C3EB")
_CCC_TAGS = (0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD)
_GSC_RID = bytes.fromhex("A000000116FF02")
_VALID_YEARS = 10
_MOST_SERIAL = 16
_MADE_BY_CARD = frozenset({"discovery", "key-history"})  # there on a blank card too


class PivDirectory(FixedSlots):
    """Certificates in their containers, CHUID and CCC, and the serial number extension."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def serial(self) -> str:
        """The manufacturer's serial number in decimal where the card tells it, else the GUID of its CHUID in hex."""
        if not self._session.engine.can("serial"):
            return self._guid()
        try:
            number = self._session.run("serial", {})
        except StatusError:
            return self._guid()
        if not isinstance(number, bytes) or not number:
            return self._guid()
        if len(number) > _MOST_SERIAL:
            raise ReplyError(f"a serial number of {len(number)} bytes")
        return str(int.from_bytes(number))

    def _guid(self) -> str:
        try:
            return serial_text(tlv.find(self.read("chuid"), [_GUID]) or b"")
        except NotFound:
            return ""

    def read(self, name: str) -> bytes:
        """Content of an object, out of its container; NotFound if it is absent or empty."""
        return self._content(identifier(self._session, name))

    def _content(self, object_id: bytes) -> bytes:
        data = read_object(self._session, object_id)
        if not data:
            raise NotFound(f"the object {object_id.hex().upper()} is empty", sw=0x6A82)
        item = tlv.parse_one(data)
        if item.tag not in (_CONTAINER, _DISCOVERY):
            raise ReplyError(f"the object {object_id.hex().upper()} has the tag {item.tag:X} instead of 53")
        if not item.value:
            raise NotFound(f"the object {object_id.hex().upper()} is empty", sw=0x6A82)
        return item.value

    def write(self, name: str, content: bytes) -> None:
        """Replace the content of an object; empty content removes it."""
        write_object(self._session, identifier(self._session, name), content)

    def certificate(self, slot: KeySlot) -> bytes | None:
        """The certificate of a slot, decompressed if it is stored with gzip."""
        try:
            content = self._content(slot.certificate)
        except NotFound:
            return None
        der = tlv.find(content, [_CERTIFICATE])
        if not der:
            return None
        info = tlv.find(content, [_CERTIFICATE_INFO]) or b"\x00"
        return _decompress(der) if info[:1] and info[0] & _GZIP else der

    def store_certificate(self, slot: KeySlot, der: bytes) -> None:
        """Write a certificate."""
        if len(der) > MAX_CERTIFICATE:
            raise InputError(f"a certificate of {len(der)} bytes is too large")
        write_object(self._session, slot.certificate, _certificate_content(der))

    def delete_certificate(self, slot: KeySlot) -> None:
        """Empty the container of a slot's certificate."""
        write_object(self._session, slot.certificate, b"")

    def holdings(self) -> list[str]:
        """Objects and certificates that are there already."""
        found = []
        for name, object_id in self._session.profile.objects.items():
            if name not in _MADE_BY_CARD and self._present(object_id):
                found.append(name)
        for slot in self._session.profile.keys.values():
            if self._present(slot.certificate):
                found.append(f"certificate {slot.name}")
        return found

    def _present(self, object_id: bytes) -> bool:
        try:
            return bool(self._content(object_id))
        except StatusError:
            return False
        except ReplyError:  # there is something, whatever it is
            return True

    def initialise(self, setup: Setup) -> None:
        """Write a CHUID with a new random GUID and a CCC; the label has no place on this kind of card."""
        if setup.label:
            raise InputError("this kind of card has no label", hint="Leave --label out.")
        if setup.pin or setup.puk:
            raise InputError("the PIN and PUK of this card are set already", hint="Change them: `cardcore pin change`.")
        self.write("chuid", _chuid())
        self.write("ccc", _ccc())


def _certificate_content(der: bytes) -> bytes:
    return tlv.encode(_CERTIFICATE, der) + tlv.encode(_CERTIFICATE_INFO, b"\x00") + tlv.encode(_ERROR_DETECTION, b"")


def _decompress(data: bytes) -> bytes:
    """Bounded gunzip (RFC 1952); some issuers leave the header out and use zlib's (RFC 1950)."""
    machine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = machine.decompress(data, MAX_CERTIFICATE + 1)
    except zlib.error as error:
        raise ReplyError("the certificate is marked as compressed and is not") from error
    if len(plain) > MAX_CERTIFICATE:
        raise ReplyError(f"the certificate decompresses to more than {MAX_CERTIFICATE} bytes")
    if not machine.eof:
        raise ReplyError("the compressed certificate ends early")
    return plain


def _chuid() -> bytes:
    """Card Holder Unique Identifier (SP 800-73-4, Part 1, 3.1.2), unsigned, for a card outside the federal PKI."""
    today = date.today()
    expiration = f"{today.year + _VALID_YEARS:04d}{today.month:02d}{min(today.day, 28):02d}"
    return b"".join(
        (
            tlv.encode(_FASC_N, _NON_FEDERAL_FASC_N),
            tlv.encode(_GUID, secrets.token_bytes(16)),
            tlv.encode(_EXPIRATION, expiration.encode("ascii")),
            tlv.encode(_SIGNATURE, b""),
            tlv.encode(_ERROR_DETECTION, b""),
        )
    )


def _ccc() -> bytes:
    """Card Capability Container (SP 800-73-4, Part 1, 3.1.1) with a random card identifier."""
    return b"".join(
        (
            tlv.encode(0xF0, _GSC_RID + secrets.token_bytes(14)),
            tlv.encode(0xF1, b"\x21"),
            tlv.encode(0xF2, b"\x21"),
            tlv.encode(_CCC_TAGS[0], b""),
            tlv.encode(_CCC_TAGS[1], b"\x00"),
            tlv.encode(_CCC_TAGS[2], b"\x10"),
            *(tlv.encode(tag, b"") for tag in _CCC_TAGS[3:]),
            tlv.encode(_ERROR_DETECTION, b""),
        )
    )
