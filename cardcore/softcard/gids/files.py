"""Files: SELECT by identifier, CREATE, ACTIVATE, DELETE, TERMINATE (ISO 7816-9, GIDS 2.0, 9.1)."""

from __future__ import annotations

from dataclasses import replace

from cardcore.apdu import CommandApdu
from cardcore.errors import ReplyError
from cardcore.softcard.application import Refusal
from cardcore.softcard.context import require_parameters
from cardcore.softcard.gids.algorithms import APPLICATION_FILE, FileKind
from cardcore.softcard.gids.context import TERMINATION_STATE, GidsContext, Operation
from cardcore.softcard.gids.state import File, Header
from cardcore.sw import Sw
from cardcore.tlv import Tlv, encode

AID = bytes.fromhex("A000000397425446590201")
_MASTER_FILE = 0x3F00
_USER_OR_ADMIN = 0x30
_MAX_FILES = 64
_BY_IDENTIFIER = 0x00
_FCI, _FCP, _FMD, _NOTHING = 0x00, 0x04, 0x08, 0x0C
# Mechanisms C0: encryption and symmetric authentication (GIDS 2.0, table 28).
CONTROL_INFORMATION = encode(0x61, [Tlv(tag=0x4F, value=AID), Tlv(tag=0x73, value=encode(0x40, bytes((0xC0,))))])
_CONTROL_PARAMETERS = encode(
    0x62, [Tlv(tag=0x82, value=b"\x38"), Tlv(tag=0x8C, value=bytes((0x03, _USER_OR_ADMIN, _USER_OR_ADMIN)))]
)
# PIN usage policy: the application's PIN satisfies the access rules.
_MANAGEMENT_DATA = encode(0x64, encode(0x5F2F, b"\x60") + encode(0x7F65, encode(0x80, b"")))


def select(gids: GidsContext, command: CommandApdu) -> bytes:
    """SELECT by file identifier: the application itself, or a file; P2 says what of it is told."""
    if command.p2 & 0xF3 or command.p1 != _BY_IDENTIFIER:
        raise Refusal(Sw.INCORRECT_P1_P2)
    if len(command.data) not in (0, 2):
        raise Refusal(Sw.WRONG_LENGTH)
    identifier = int.from_bytes(command.data)
    if identifier in (0, APPLICATION_FILE, _MASTER_FILE):
        told = {_FCI: CONTROL_INFORMATION, _FCP: _CONTROL_PARAMETERS, _FMD: _MANAGEMENT_DATA, _NOTHING: b""}
        select_file(gids, None)
        return told[command.p2]
    file = gids.file(identifier)
    if command.p2 in (_FCI, _FMD):
        raise Refusal(Sw.INCORRECT_P1_P2)
    select_file(gids, identifier)
    return file.fcp if command.p2 == _FCP else b""


def select_file(gids: GidsContext, identifier: int | None) -> None:
    """Make a file the current one; None is the application."""
    gids.environment = replace(gids.environment, file=identifier)


def create(gids: GidsContext, command: CommandApdu) -> bytes:
    """CREATE FILE: a file of data objects or a key file from its control parameters; it is selected, not yet active."""
    require_parameters(command.p1, command.p2)
    try:
        header = Header.parse(command.data)
    except (ValueError, ReplyError):
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE) from None
    taken = {0, APPLICATION_FILE, _MASTER_FILE, *gids.state.files}
    if header.identifier in taken or (header.kind is FileKind.KEY and not header.mechanisms):
        raise Refusal(Sw.REFERENCE_DATA_NOT_USABLE)
    _require_living(gids)
    gids.require_condition(_USER_OR_ADMIN)
    if len(gids.state.files) >= _MAX_FILES:
        raise Refusal(Sw.NO_SPACE)
    gids.commit(gids.state.with_file(header.identifier, File(fcp=command.data)))
    select_file(gids, header.identifier)
    return b""


def activate(gids: GidsContext, command: CommandApdu) -> bytes:
    """ACTIVATE FILE: the selected file; or the application, which ends the initialisation."""
    require_parameters(command.p1, command.p2)
    identifier = gids.environment.file
    if identifier is None:
        _require_living(gids)
        gids.commit(replace(gids.state, active=True))
        gids.log_out()
        return b""
    file = gids.file(identifier)
    gids.require(file, Operation.ACTIVATE)
    gids.commit(gids.state.with_file(identifier, replace(file, active=True)))
    return b""


def delete(gids: GidsContext, command: CommandApdu) -> bytes:
    """DELETE FILE: the selected file, and the key in it."""
    require_parameters(command.p1, command.p2)
    if command.data:
        raise Refusal(Sw.WRONG_LENGTH)
    identifier = gids.environment.file
    if identifier is None:
        raise Refusal(Sw.NO_CURRENT_EF)
    gids.require(gids.file(identifier), Operation.DELETE)
    gids.commit(gids.state.with_file(identifier, None))
    select_file(gids, None)
    return b""


def terminate(gids: GidsContext, command: CommandApdu) -> bytes:
    """TERMINATE DF: no more files can be made. There is no way back, and no other reset."""
    require_parameters(command.p1, command.p2)
    _require_living(gids)
    gids.commit(replace(gids.state, terminated=True))
    return b""


def _require_living(gids: GidsContext) -> None:
    if gids.state.terminated:
        raise Refusal(TERMINATION_STATE)
