"""SELECT, READ BINARY, UPDATE BINARY, CREATE FILE, DELETE FILE (ISO 7816-4:2020, 11.2, 11.3; ISO 7816-9:2017, 9)."""

from __future__ import annotations

from dataclasses import replace

from cardcore.apdu import CommandApdu
from cardcore.softcard.application import Refusal
from cardcore.softcard.isoapplet import tree
from cardcore.softcard.isoapplet.context import IsoContext
from cardcore.softcard.isoapplet.tree import MF, MF_CONTROL, SW_DATA_INVALID, Act, File
from cardcore.sw import Sw

MAX_FILES = 128
MAX_MEMORY = 128 * 1024
_SW_INCOMPATIBLE = 0x6981
_SW_NOT_ALLOWED = 0x6986
_NO_REPLY = 0x0C
_FCP = 0x04
_BY_FID, _CHILD_DF, _CHILD_EF, _PARENT, _FROM_MF, _FROM_DF = 0x00, 0x01, 0x02, 0x03, 0x08, 0x09


def select(iso: IsoContext, command: CommandApdu) -> bytes:
    """SELECT by identifier (anywhere in the tree), as a child, the parent, or by path; replies with the FCP."""
    if command.p2 & 0xF3:
        raise Refusal(Sw.INCORRECT_P1_P2)
    fid = _target(iso, command.p1, command.data)
    _make_current(iso, fid)
    if command.p2 == _NO_REPLY:
        return b""
    if command.p2 not in (0x00, _FCP):
        raise Refusal(Sw.INCORRECT_P1_P2)
    return MF_CONTROL if fid == MF else iso.state.files[fid].control


def _make_current(iso: IsoContext, fid: int) -> None:
    file = iso.state.files.get(fid)
    if file is None or file.is_df:
        iso.security = replace(iso.security, df=fid)
    else:
        iso.security = replace(iso.security, df=file.parent, ef=fid)


def _target(iso: IsoContext, method: int, data: bytes) -> int:
    if method == _BY_FID and data in (b"", MF.to_bytes(2)):
        return MF
    if method == _BY_FID and len(data) == 2:
        return _existing(iso, int.from_bytes(data)).fid
    if method in (_CHILD_DF, _CHILD_EF) and len(data) == 2:
        file = _existing(iso, int.from_bytes(data))
        if file.is_df is not (method == _CHILD_DF) or file.parent != iso.security.df:
            raise Refusal(Sw.FILE_NOT_FOUND)
        return file.fid
    if method == _PARENT and not data and iso.security.df != MF:
        return iso.state.files[iso.security.df].parent
    if method in (_FROM_MF, _FROM_DF) and data and len(data) % 2 == 0:
        return _by_path(iso, MF if method == _FROM_MF else iso.security.df, data)
    raise Refusal(Sw.FILE_NOT_FOUND if method in (_PARENT, _BY_FID, _FROM_MF, _FROM_DF) else Sw.INCORRECT_P1_P2)


def _by_path(iso: IsoContext, start: int, path: bytes) -> int:
    here = start
    for step in range(0, len(path), 2):
        file = _existing(iso, int.from_bytes(path[step : step + 2]))
        if file.parent != here:
            raise Refusal(Sw.FILE_NOT_FOUND)
        here = file.fid
    return here


def _existing(iso: IsoContext, fid: int) -> File:
    file = iso.state.files.get(fid)
    if file is None:
        raise Refusal(Sw.FILE_NOT_FOUND)
    return file


def read(iso: IsoContext, command: CommandApdu) -> bytes:
    """READ BINARY: P1-P2 is an offset of 15 bits; as much as there is up to Le."""
    file, offset = _addressed(iso, command, Act.READ)
    content = file.content or b""
    if offset >= len(content):
        raise Refusal(Sw.WRONG_P1_P2)
    most = (command.le or 65536) if command.extended else (command.le or 256)
    return content[offset : offset + most]


def update(iso: IsoContext, command: CommandApdu) -> bytes:
    """UPDATE BINARY: never beyond the size that the file was made with."""
    file, offset = _addressed(iso, command, Act.UPDATE)
    content = file.content or b""
    end = offset + len(command.data)
    if end > len(content):
        raise Refusal(Sw.WRONG_P1_P2)
    if command.data:
        iso.commit(iso.state.with_file(replace(file, content=content[:offset] + command.data + content[end:])))
    return b""


def _addressed(iso: IsoContext, command: CommandApdu, act: Act) -> tuple[File, int]:
    if command.p1 & 0x80:
        raise Refusal(Sw.FILE_NOT_FOUND if command.p1 & 0xE0 == 0x80 else Sw.INCORRECT_P1_P2)
    file = iso.state.files.get(iso.security.ef)
    if file is None:
        raise Refusal(_SW_INCOMPATIBLE)
    tree.require(file.rules, act, authenticated=iso.security.files)
    return file, command.p1 << 8 | command.p2


def create(iso: IsoContext, command: CommandApdu) -> bytes:
    """CREATE FILE in the current DF, from a template 6F or 62; identifiers are unique in the whole tree."""
    _require_no_parameters(command)
    parent = iso.security.df
    file = tree.make(command.data, parent)
    if file.fid == MF or file.fid in iso.state.files:
        raise Refusal(SW_DATA_INVALID)
    rules = b"" if parent == MF else iso.state.files[parent].rules
    act = Act.CREATE_DF if file.is_df else Act.CREATE_EF
    tree.require(rules, act, authenticated=iso.security.files)
    used = sum(len(other.content or b"") for other in iso.state.files.values())
    if len(iso.state.files) >= MAX_FILES or used + len(file.content or b"") > MAX_MEMORY:
        raise Refusal(Sw.NO_SPACE)
    iso.commit(iso.state.with_file(file))
    _make_current(iso, file.fid)
    return b""


def delete(iso: IsoContext, command: CommandApdu) -> bytes:
    """DELETE FILE by identifier, with all that is below; its parent becomes the current DF."""
    _require_no_parameters(command)
    if len(command.data) != 2:
        raise Refusal(Sw.WRONG_LENGTH)
    if int.from_bytes(command.data) == MF:
        raise Refusal(_SW_NOT_ALLOWED)
    file = _existing(iso, int.from_bytes(command.data))
    tree.require(file.rules, Act.DELETE_SELF, authenticated=iso.security.files)
    iso.commit(iso.state.without_files(tree.subtree(iso.state.files, file.fid)))
    iso.security = replace(iso.security, df=file.parent, ef=0)
    return b""


def _require_no_parameters(command: CommandApdu) -> None:
    if command.p1 or command.p2:
        raise Refusal(Sw.INCORRECT_P1_P2)
