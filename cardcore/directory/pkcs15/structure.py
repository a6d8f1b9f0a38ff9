"""What a PKCS#15 application consists of: EF.DIR, EF.ODF and the lists that it names (ISO 7816-15:2016, 7.4, 8.2)."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum

from cardcore import tlv
from cardcore.directory.files import MAX_ENTRIES, MF, Files, Listing
from cardcore.directory.pkcs15 import der, encoding, holes
from cardcore.directory.pkcs15.entries import Location, location
from cardcore.errors import InputError, NotFound, ReplyError
from cardcore.session import Session
from cardcore.sw import Sw
from cardcore.tlv import Tlv

DIR = MF + bytes.fromhex("2F00")
MAX_LISTS = 32
_ODF_ID, _TOKEN_INFO_ID, _UNUSED_SPACE_ID = (bytes.fromhex(fid) for fid in ("5031", "5032", "5033"))
_DEFAULT = MF + bytes.fromhex("5015")
_TEMPLATE, _AID, _PATH = 0x61, 0x4F, 0x51
_AIDS = (encoding.AID, bytes.fromhex("E828BD080F"))
_LIST_SIZE = 1024


class Kind(IntEnum):
    """Which list of objects: the tags of the PKCS15Objects choice (8.2.2)."""

    PRIVATE_KEYS = 0xA0
    PUBLIC_KEYS = 0xA1
    TRUSTED_PUBLIC_KEYS = 0xA2
    SECRET_KEYS = 0xA3
    CERTIFICATES = 0xA4
    TRUSTED_CERTIFICATES = 0xA5
    USEFUL_CERTIFICATES = 0xA6
    DATA = 0xA7
    AUTHENTICATION = 0xA8


class Structure:
    """The files of the application: read when they are first wanted, and again in the next transaction."""

    def __init__(self, session: Session, files: Files) -> None:
        self._session = session
        self._files = files
        self._turn = (session.turns, session.losses)
        self._application = b""
        self._odf: Listing | None = None
        self._absent = False
        self._lists: dict[int, list[Listing]] = {}
        self._everything = b""

    def forget(self) -> None:
        """Read everything anew when it is wanted next; where the application is does not change."""
        if self._turn[1] != self._session.losses:
            self._application = b""
        self._odf, self._absent = None, False
        self._lists.clear()
        self._everything = b""
        self._turn = (self._session.turns, self._session.losses)

    def _check_turn(self) -> None:
        if self._turn != (self._session.turns, self._session.losses):
            self.forget()

    @property
    def application(self) -> bytes:
        """Path of the application's directory, from EF.ODF where it usually is, else from EF.DIR."""
        self._check_turn()
        if not self._application:
            self.odf()
        return self._application

    @property
    def token_info(self) -> bytes:
        """Path of EF.TokenInfo; as long as the card has no EF.ODF, of where it usually is."""
        try:
            return self.application + _TOKEN_INFO_ID
        except NotFound:
            return self._usual + _TOKEN_INFO_ID

    @property
    def _usual(self) -> bytes:
        return self._session.profile.objects.get("application", _DEFAULT)

    def odf(self) -> Listing:
        """EF.ODF; NotFound if the card has no PKCS#15 application."""
        self._check_turn()
        if self._absent:
            raise _none()
        if self._odf is None:
            self._odf = self._read_odf()
        return self._odf

    def _read_odf(self) -> Listing:
        """EF.ODF in the application where it is known or usual, else where EF.DIR says."""
        where = self._application or self._usual
        try:
            found = self._files.listing(where + _ODF_ID)
        except NotFound:
            where = self._from_dir()
            found = self._listing_or_none(where + _ODF_ID)
        self._application = where
        return found

    def _listing_or_none(self, path: bytes) -> Listing:
        try:
            return self._files.listing(path)
        except NotFound:
            self._absent = True
            raise _none() from None

    def _from_dir(self) -> bytes:
        """The application's path by EF.DIR (ISO 7816-4:2020, 12.2.4); NotFound if there is none."""
        for template in self._listing_or_none(DIR).items:
            aid, path = tlv.find(template.value, [_AID]), tlv.find(template.value, [_PATH])
            if template.tag == _TEMPLATE and aid is not None and aid.startswith(_AIDS) and path:
                return path if path.startswith(MF) else MF + path
        self._absent = True
        raise _none()

    def lists(self, kind: Kind) -> list[Listing]:
        """The lists of a kind with their entries, in the order of EF.ODF."""
        self._check_turn()
        if kind not in self._lists:
            found = [listing for listing in map(self._list, self._named(kind)) if listing is not None]
            if sum(len(listing.items) for listing in found) > MAX_ENTRIES:
                raise ReplyError(f"more than {MAX_ENTRIES} objects of a kind")
            self._lists[kind] = found
        return self._lists[kind]

    def _named(self, kind: Kind) -> list[Tlv]:
        named = [item for item in self.odf().items if item.tag == kind]
        if len(named) > MAX_LISTS:
            raise ReplyError(f"EF.ODF names more than {MAX_LISTS} lists of a kind")
        return named

    def _list(self, item: Tlv) -> Listing | None:
        """PathOrObjects: a list in a file of its own, or here; a file that is not there yet is an empty list."""
        inner = tlv.parse_one(item.value)
        if inner.tag != der.SEQUENCE:
            return Listing(path=b"", items=tuple(inner.children()))
        where = self.absolute(location(inner))
        try:
            return self._entries_in(where.path)
        except NotFound:
            return None

    def _entries_in(self, path: bytes) -> Listing:
        found = self._files.listing(path)
        return replace(found, items=holes.without_holes(found.items))

    def entries(self, kind: Kind) -> list[Tlv]:
        """All entries of a kind."""
        return [item for listing in self.lists(kind) for item in listing.items]

    def everything(self) -> bytes:
        """EF.ODF, every list that it names, of whatever kind, and EF.UnusedSpace: all that may name a file."""
        self._check_turn()
        if not self._everything:
            odf = self.odf()
            places = [self.application + _UNUSED_SPACE_ID]
            for inner in (tlv.parse_one(item.value) for item in odf.items):
                if inner.tag == der.SEQUENCE:
                    places.append(self.absolute(location(inner)).path)
            paths = dict.fromkeys(places)
            if len(paths) > MAX_LISTS:
                raise ReplyError(f"EF.ODF names more than {MAX_LISTS} lists")
            self._everything = odf.content + b"".join(self._content(path) for path in paths)
        return self._everything

    def _content(self, path: bytes) -> bytes:
        try:
            return self._files.listing(path).content
        except NotFound:
            return b""

    def usual_list(self, name: str) -> list[Tlv]:
        """The entries of the list in the file that the profile names; empty if it names none or there is no list.

        Not tried while a PIN is verified: a failing first command looks like a lost selection, and to select the
        application anew may cost the proof.
        """
        path = self._session.profile.objects.get(name)
        if path is None or self._session.verified or not path.startswith(self._application):
            return []
        try:
            return list(self._entries_in(path).items)
        except (NotFound, ReplyError):
            return []

    def absolute(self, where: Location) -> Location:
        """The same place with a path from the MF: a shorter path is relative to the application (8.2.5)."""
        if where.path.startswith(MF):
            return where
        return Location(path=self.application + where.path, index=where.index, length=where.length)

    def value(self, where: Location | bytes) -> bytes:
        """The value that an entry holds, or points to."""
        if isinstance(where, bytes):
            return where
        place = self.absolute(where)
        return self._files.value(place.path, place.index, place.length)

    def rewrite(self, listing: Listing, items: tuple[Tlv, ...]) -> None:
        """Write a list with other entries, in one command or so that each leaves a list that can be read.

        InputError, with nothing changed, if the file has no room for it.
        """
        if not listing.path:
            raise InputError("this card keeps its list of objects where it cannot be changed")
        old, new = listing.content, Listing(path=listing.path, items=items).content
        if self._files.fits_a_command(old, new):
            self._files.change(listing.path, old, new)
        else:
            parts = list(holes.writes(tlv.parse(old), items))
            self._files.require_room(listing.path, len(old), max(start + len(part) for start, part in parts))
            self._files.write(listing.path, parts)
        self.forget()

    def append(self, kind: Kind, name: str, item: Tlv) -> None:
        """Add an entry to the last list of a kind; the list is made, and entered in EF.ODF, if there is none."""
        lists = [listing for listing in self.lists(kind) if listing.path]
        if lists:
            self.rewrite(lists[-1], (*lists[-1].items, item))
            return
        path = self._session.profile.objects.get(name)
        if path is None:
            raise InputError(f"the profile does not say where a new list of objects goes ({name})")
        left = b""  # a list that was begun and never entered in EF.ODF: nothing of it may stay behind the new entry
        try:
            left = self._files.whole(path)
        except NotFound:
            self._files.create(path, _LIST_SIZE, "pin")
        self._files.change(path, left, item.encode())
        odf = self.odf()
        if not self._named(kind):
            self.rewrite(odf, (*odf.items, Tlv(tag=kind, value=encoding.path(path))))
        self.forget()


def _none() -> NotFound:
    return NotFound("the card has no PKCS#15 application", sw=Sw.FILE_NOT_FOUND, hint="Initialise the card first.")
