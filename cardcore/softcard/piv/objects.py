"""Data objects: GET DATA and PUT DATA (SP 800-73-4 part 2, 3.1.2 and 3.3.2), and those that a new card holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from cardcore.apdu import CommandApdu
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import items_of, require_parameters
from cardcore.softcard.piv.context import PivContext, fields_of
from cardcore.sw import Sw
from cardcore.tlv import Tlv, encode

AID = bytes.fromhex("A000000308000010000100")
MAX_OBJECT = 16384
CCC = 0x5FC107
CHUID = 0x5FC102
_PRINTED = 0x5FC109
_FINGERPRINTS = 0x5FC103
_FACE = 0x5FC108
_IRIS = 0x5FC121
_KEY_HISTORY = 0x5FC10C
_DISCOVERY = 0x7E
_PIN_TO_READ = frozenset((_PRINTED, _FINGERPRINTS, _FACE, _IRIS))
_STANDARD = range(0x5FC101, 0x5FC180)
_VENDOR = range(0x5FFF00, 0x600000)
_TAG_LIST = 0x5C
_CONTENT = 0x53
_CHECKSUM = 0xFE
# The card application PIN alone satisfies the access rules (SP 800-73-4 part 1, 3.3.2).
_DISCOVERY_OBJECT = encode(_DISCOVERY, [Tlv(tag=0x4F, value=AID), Tlv(tag=0x5F2F, value=bytes.fromhex("4000"))])
# Read as long as none was written: no retired key has a certificate, on the card or off it.
_IMPLIED: Mapping[int, bytes] = MappingProxyType(
    {_KEY_HISTORY: encode(0xC1, b"\x00") + encode(0xC2, b"\x00") + encode(_CHECKSUM, b"")}
)
_FASC_N = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421C84210C3EB")  # the code for "no federal agency"


def get_data(piv: PivContext, command: CommandApdu) -> bytes:
    """GET DATA: the object that the tag list 5C names, as 53 with its content (7E comes as itself)."""
    require_parameters(command.p1, command.p2, 0x3F, 0xFF)
    wanted = fields_of(command.data)
    if set(wanted) != {_TAG_LIST} or not 1 <= len(wanted[_TAG_LIST]) <= 3:
        raise Refusal(Sw.INCORRECT_DATA)
    tag = int.from_bytes(wanted[_TAG_LIST])
    if tag == _DISCOVERY:
        return _DISCOVERY_OBJECT
    value = piv.state.objects.get(tag, _IMPLIED.get(tag))
    # Printed information asks for the PIN before it tells whether it is there, as cards were seen to do.
    if tag in _PIN_TO_READ and not piv.pin_verified and (value is not None or tag == _PRINTED):
        raise Refusal(Sw.SECURITY_STATUS)
    if value is None:
        raise Refusal(Sw.FILE_NOT_FOUND)
    return encode(_CONTENT, value)


def put_data(piv: PivContext, command: CommandApdu) -> bytes:
    """PUT DATA: write the object that 5C names; an empty content deletes it. Wants the management key."""
    require_parameters(command.p1, command.p2, 0x3F, 0xFF)
    piv.require_admin()
    items = items_of(command.data)
    if [item.tag for item in items] != [_TAG_LIST, _CONTENT] or len(items[0].value) != 3:
        raise Refusal(Sw.INCORRECT_DATA)
    tag, content = int.from_bytes(items[0].value), items[1].value
    if tag not in _STANDARD and tag not in _VENDOR:
        raise Refusal(Sw.FILE_NOT_FOUND)
    if len(content) > MAX_OBJECT:
        raise Refusal(Sw.NO_SPACE)
    piv.commit(piv.state.with_object(tag, content))
    return b""


def initial_objects() -> dict[int, bytes]:
    """Cardholder unique identifier and card capability container of a new card (SP 800-73-4 part 1, tables 8 and 9)."""
    chuid = (
        encode(0x30, _FASC_N)
        + encode(0x34, _random_guid())
        + encode(0x35, b"20991231")
        + encode(0x3E, b"")
        + encode(_CHECKSUM, b"")
    )
    # A000000116 FF 02: GSC-IS RID, manufacturer unknown, a file system card; then 14 random bytes of card id.
    ccc = encode(0xF0, bytes.fromhex("A000000116FF02") + os.urandom(14))
    ccc += encode(0xF1, b"\x21") + encode(0xF2, b"\x21") + encode(0xF3, b"") + encode(0xF4, b"\x00")
    ccc += encode(0xF5, b"\x10") + b"".join(encode(tag, b"") for tag in (0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD))
    return {CHUID: chuid, CCC: ccc + encode(_CHECKSUM, b"")}


def _random_guid() -> bytes:
    """A random UUID (RFC 9562, version 4), as the CHUID's GUID must be one."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)
