"""The PKCS#15 files of a card that is ready to use but has no keys (ISO 7816-15:2016, 7 and 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cardcore.errors import ReplyError
from cardcore.softcard.isoapplet.tree import MF, File
from cardcore.tlv import encode, length_bytes, parse_one, total_length

LABEL = "cardcore software card"
_APP = 0x5015
_DIR, _ODF, _TOKEN_INFO, _AODF, _OPTIONS = 0x2F00, 0x5031, 0x5032, 0x4401, 0x4946
_AID = bytes.fromhex("A000000063504B43532D3135")
_SEQUENCE, _INTEGER, _OCTETS, _BITS, _UTF8 = 0x30, 0x02, 0x04, 0x03, 0x0C
_FREE = "FF00000000000000"
_PIN_BUT_READ = "FF90909090909000"
_DF_RULES = "FF00000000000090"


def initial_files(serial: bytes) -> dict[int, File]:
    """Application DF, EF.DIR, EF.ODF, EF.TokenInfo and an AODF with the user PIN."""
    made = [
        _df(_APP, MF, 5000, _DF_RULES),
        _ef(_DIR, MF, 128, _FREE, _application()),
        _ef(_ODF, _APP, 256, _FREE, encode(0xA8, _path(_AODF))),
        _ef(_AODF, _APP, 256, _PIN_BUT_READ, _user_pin()),
        _ef(_TOKEN_INFO, _APP, len(_token(serial)), _FREE, _token(serial)),
        _ef(_OPTIONS, _APP, 128, _PIN_BUT_READ, encode(0x01, b"pkcs15")),
    ]
    return {file.fid: file for file in made}


def serial_number(files: Mapping[int, File]) -> str:
    """The serial number in EF.TokenInfo in hexadecimal; empty if nothing of the kind is there."""
    token = files.get(_TOKEN_INFO)
    content = b"" if token is None else token.content or b""
    try:
        parts = parse_one(content[: total_length(content)]).children()
    except ReplyError:
        return ""
    return next((part.value.hex() for part in parts if part.tag == _OCTETS), "")


def _control(fid: int, size: int, descriptor: int, rules: str) -> bytes:
    fields = (
        encode(0x81, size.to_bytes(2)),
        encode(0x82, bytes((descriptor,))),
        encode(0x83, fid.to_bytes(2)),
        encode(0x86, bytes.fromhex(rules)),
    )
    return encode(0x6F, b"".join(fields))


def _df(fid: int, parent: int, size: int, rules: str) -> File:
    return File(
        fid=fid, parent=parent, control=_control(fid, size, 0x38, rules), rules=bytes.fromhex(rules), content=None
    )


def _ef(fid: int, parent: int, size: int, rules: str, content: bytes) -> File:
    return File(
        fid=fid,
        parent=parent,
        control=_control(fid, size, 0x01, rules),
        rules=bytes.fromhex(rules),
        content=content.ljust(size, b"\x00"),
    )


def _sequence(parts: Iterable[bytes], tag: int = _SEQUENCE) -> bytes:
    return encode(tag, b"".join(parts))


def _path(fid: int) -> bytes:
    return _sequence([encode(_OCTETS, MF.to_bytes(2) + _APP.to_bytes(2) + fid.to_bytes(2))])


def _application() -> bytes:
    """Application template (ISO 7816-4:2020, 12.2.3): identifier, label, path."""
    path = MF.to_bytes(2) + _APP.to_bytes(2)
    return _sequence([encode(0x4F, _AID), encode(0x50, LABEL.encode()), b"\x51" + length_bytes(len(path)) + path], 0x61)


def _token(serial: bytes) -> bytes:
    return _sequence(
        [
            encode(_INTEGER, b"\x01"),
            encode(_OCTETS, serial),
            encode(_UTF8, b"cardcore"),
            encode(0x80, LABEL.encode()),
            encode(_BITS, bytes.fromhex("0410")),
            _sequence([encode(0x18, b"20260101000000Z")], 0xA5),
        ]
    )


def _user_pin() -> bytes:
    """One authentication object: label, private and modifiable; id FF; a PIN of 4 to 16 UTF-8 bytes, stored as 16."""
    attributes = _sequence(
        [
            encode(_BITS, bytes.fromhex("028C")),
            encode(0x0A, b"\x01"),
            encode(_INTEGER, b"\x04"),
            encode(_INTEGER, b"\x10"),
            encode(_INTEGER, b"\x10"),
            encode(0x80, b"\x01"),
            encode(_OCTETS, b"\x00"),
        ]
    )
    return _sequence(
        [
            _sequence([encode(_UTF8, b"User PIN"), encode(_BITS, bytes.fromhex("06C0"))]),
            _sequence([encode(_OCTETS, b"\xff")]),
            encode(0xA1, attributes),
        ]
    )
