"""Files: what CREATE FILE makes of a file control template (ISO 7816-4:2020, 7.4; ISO 7816-9:2017, 9.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from cardcore.errors import ReplyError
from cardcore.softcard.application import Refusal
from cardcore.softcard.memory import JsonObject
from cardcore.sw import Sw
from cardcore.tlv import find, parse_one

MF = 0x3F00
MF_CONTROL = bytes.fromhex("6F07 820138 83023F00")
SW_DATA_INVALID = 0x6984
MAX_FILE = 32767
_CONTROL_TEMPLATES = (0x6F, 0x62)
_SIZE, _DESCRIPTOR, _IDENTIFIER, _RULES = 0x81, 0x82, 0x83, 0x86
_DF = 0x38
_TRANSPARENT = 0x01
_DEFAULT_SIZE = 128
_RULES_SIZE = 8
_FREE, _NEVER, _PIN_RULES = 0x00, 0xFF, (0x90, 0x10)


class Act(IntEnum):
    """What an access rule is about: its place among the security condition bytes (ISO 7816-4:2020, tables 30, 31)."""

    DELETE_SELF = 1
    CREATE_DF = 5
    CREATE_EF = 6
    UPDATE = 6
    DELETE_CHILD = 7
    READ = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file below the MF; `content` is None for a DF, `control` the template that it was made with."""

    fid: int
    parent: int
    control: bytes
    rules: bytes
    content: bytes | None

    @property
    def is_df(self) -> bool:
        """Whether it is a dedicated file."""
        return self.content is None

    def to_json(self) -> JsonObject:
        """As JSON values."""
        content = None if self.content is None else self.content.hex()
        return {"fid": self.fid, "parent": self.parent, "control": self.control.hex(), "content": content}

    @classmethod
    def from_json(cls, stored: JsonObject) -> File:
        """The file that `to_json` gave."""
        made = make(bytes.fromhex(stored["control"]), stored["parent"])
        if stored["content"] is None:
            return made
        return cls(
            fid=made.fid,
            parent=made.parent,
            control=made.control,
            rules=made.rules,
            content=bytes.fromhex(stored["content"]),
        )


def make(control: bytes, parent: int) -> File:
    """An empty file; 6984 for a template that the applet does not take. Record files are not for PKCS#15."""
    try:
        template = parse_one(control)
        fid, descriptor, size, rules = (
            find(template.value, [tag]) for tag in (_IDENTIFIER, _DESCRIPTOR, _SIZE, _RULES)
        )
    except ReplyError:
        raise Refusal(SW_DATA_INVALID) from None
    well_formed = template.tag in _CONTROL_TEMPLATES and fid is not None and len(fid) == 2 and bool(descriptor)
    if not well_formed or fid is None or not descriptor or (rules is not None and len(rules) != _RULES_SIZE):
        raise Refusal(SW_DATA_INVALID)
    return File(
        fid=int.from_bytes(fid),
        parent=parent,
        control=control,
        rules=rules or b"",
        content=_blank(descriptor[0], size),
    )


def _blank(descriptor: int, size: bytes | None) -> bytes | None:
    if descriptor & 0x3F == _DF:
        return None
    length = _DEFAULT_SIZE if size is None else int.from_bytes(size)
    if descriptor & 0x37 != _TRANSPARENT or (size is not None and len(size) not in (1, 2)) or length > MAX_FILE:
        raise Refusal(SW_DATA_INVALID)
    return bytes(length)


def require(rules: bytes, act: Act, *, authenticated: bool) -> None:
    """Refuse what the access rule of a file does not allow."""
    rule = rules[act] if rules else _FREE
    if rule == _FREE or (rule in _PIN_RULES and rule != _NEVER and authenticated):
        return
    raise Refusal(Sw.SECURITY_STATUS)


def subtree(files: Mapping[int, File], top: int) -> frozenset[int]:
    """A file and everything below it."""
    found = {top}
    while more := {fid for fid, file in files.items() if file.parent in found} - found:
        found |= more
    return frozenset(found)
