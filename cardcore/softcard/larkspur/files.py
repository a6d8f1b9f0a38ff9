"""Files: SELECT, READ BINARY, UPDATE BINARY (manual, section 3). None is made or deleted after the factory."""

from __future__ import annotations

from dataclasses import replace

from cardcore.apdu import CommandApdu
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import require_parameters
from cardcore.softcard.larkspur.context import LarkspurContext
from cardcore.sw import Sw

SERIAL = bytes.fromhex("2F02")
CERTIFICATES = tuple(bytes.fromhex(f"4C00C10{reference}") for reference in (1, 2, 3))
_CERTIFICATE_SIZE = 2048
_FROM_MF, _NO_REPLY = 0x08, 0x0C


def initial(serial: bytes) -> dict[bytes, bytes]:
    """The files as they leave the factory."""
    return {SERIAL: serial, **{path: bytes(_CERTIFICATE_SIZE) for path in CERTIFICATES}}


def select(card: LarkspurContext, command: CommandApdu) -> bytes:
    """SELECT by path from the MF, without a reply."""
    require_parameters(command.p1, command.p2, _FROM_MF, _NO_REPLY)
    if command.data not in card.state.files:
        raise Refusal(Sw.FILE_NOT_FOUND)
    card.security = replace(card.security, file=command.data)
    return b""


def read(card: LarkspurContext, command: CommandApdu) -> bytes:
    """READ BINARY: as much as there is from the offset on, up to Le."""
    content, offset = _current(card, command)
    if offset >= len(content):
        raise Refusal(Sw.WRONG_P1_P2)
    return content[offset : offset + (command.le or 256)]


def update(card: LarkspurContext, command: CommandApdu) -> bytes:
    """UPDATE BINARY: with PIN 1, never beyond the end of the file, never the serial number."""
    content, offset = _current(card, command)
    card.require_pin()
    if card.security.file == SERIAL:
        raise Refusal(Sw.SECURITY_STATUS)
    end = offset + len(command.data)
    if end > len(content):
        raise Refusal(Sw.WRONG_P1_P2)
    changed = content[:offset] + command.data + content[end:]
    card.commit(card.state.with_file(card.security.file, changed))
    return b""


def _current(card: LarkspurContext, command: CommandApdu) -> tuple[bytes, int]:
    """The content of the current file, and the offset in P1-P2."""
    if not card.security.file:
        raise Refusal(Sw.NO_CURRENT_EF)
    return card.state.files[card.security.file], command.p1 << 8 | command.p2
