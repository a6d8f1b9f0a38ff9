"""EF.TokenInfo: serial number, and the time of the last change by which caches notice it (ISO 7816-15:2016, 8.11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cardcore.directory.base import serial_text
from cardcore.directory.files import Files
from cardcore.directory.pkcs15 import der
from cardcore.directory.pkcs15.structure import Structure
from cardcore.directory.remembering import Mark
from cardcore.errors import NotFound, ReplyError
from cardcore.profile.vocabulary import DATED_CHANGES
from cardcore.session import Session
from cardcore.sw import Sw
from cardcore.tlv import Tlv, encode, parse, parse_one

_LAST_UPDATE = 0xA5
_FORMAT = "%Y%m%d%H%M%SZ"


def now() -> bytes:
    """The time as GeneralizedTime."""
    return datetime.now(UTC).strftime(_FORMAT).encode("ascii")


class Token:
    """EF.TokenInfo of one card."""

    def __init__(self, session: Session, files: Files, structure: Structure) -> None:
        self._session = session
        self._files = files
        self._structure = structure
        self.mark = Mark(session, self._state)

    def serial(self) -> str:
        """The serial number in hexadecimal; empty if there is none."""
        try:
            with self._session.transaction():
                parts = self._read()
        except NotFound:
            return ""
        number = next((part for part in parts if part.tag == der.OCTET_STRING), None)
        return "" if number is None else serial_text(number.value)

    def _state(self) -> bytes:
        """What stands for the state of the card: EF.TokenInfo; empty where its time of change cannot be relied on.

        It cannot be relied on if the profile does not say that others set it, if there
        is none, if it is not of the form that `touch` keeps, or if it is not over yet: another change in that second
        would look the same.
        """
        if DATED_CHANGES not in self._session.profile.quirks:
            return b""
        parts = self._read()
        last = next((part for part in parts if part.tag == _LAST_UPDATE), None)
        return encode(der.SEQUENCE, parts) if last is not None and _is_over(last) else b""

    def touch(self) -> None:
        """Set the time of the last change, always later than the one before; a card without that time keeps none."""
        self.mark.forget()
        try:
            parts = self._read()
        except NotFound:
            return
        place = next((place for place, part in enumerate(parts) if part.tag == _LAST_UPDATE), None)
        if place is None:
            return
        old = encode(der.SEQUENCE, parts)
        changed = encode(der.GENERALIZED_TIME, _later(parts[place]))
        if len(changed) != len(parts[place].value):
            return  # the file may have no room for more
        parts[place] = Tlv(tag=_LAST_UPDATE, value=changed)
        self._files.change(self._structure.token_info, old, encode(der.SEQUENCE, parts))

    def _read(self) -> list[Tlv]:
        content = self._files.first(self._structure.token_info)
        if not content:
            raise NotFound("EF.TokenInfo is blank", sw=Sw.DATA_NOT_FOUND, hint="Initialise the card: `cardcore init`.")
        outer = parse_one(content)
        if outer.tag != der.SEQUENCE:
            raise ReplyError("EF.TokenInfo is no SEQUENCE")
        return parse(outer.value)


def _is_over(last: Tlv) -> bool:
    """Whether a time of change has the usual form and is at least two seconds ago."""
    try:
        return _time(now()) - _time(parse_one(last.value).value) >= timedelta(seconds=2)
    except (ValueError, ReplyError):
        return False


def _time(generalized: bytes) -> datetime:
    return datetime.strptime(generalized.decode("ascii"), _FORMAT)


def _later(last: Tlv) -> bytes:
    """Now, or a second after the last change if that is not yet over."""
    present = now()
    try:
        before = _time(parse_one(last.value).value)
        return max(present, (before + timedelta(seconds=1)).strftime(_FORMAT).encode("ascii"))
    except (ValueError, OverflowError, ReplyError):
        return present
