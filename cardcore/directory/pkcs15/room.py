"""Where new files go, and what becomes of those that a write which was cut off has left without an entry.

A file is made, filled, and then named by an entry: between the first and the last of these the card may be pulled out.
What it leaves is looked for only where it is in the way, so a write that nothing has disturbed costs no command more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardcore import tlv
from cardcore.directory.files import FILLERS, Files
from cardcore.directory.pkcs15 import der
from cardcore.directory.pkcs15.entries import Location
from cardcore.directory.pkcs15.labels import value_of_entry
from cardcore.directory.pkcs15.structure import Kind, Structure
from cardcore.errors import NotSupported, ReplyError, SecurityStatus, StatusError
from cardcore.session import Session
from cardcore.sw import Sw
from cardcore.tlv import Tlv

_PLACES = ("public-keys", "certificates")
_NUMBERS = 256
_BESIDE = {
    Kind.PUBLIC_KEYS: (Kind.PUBLIC_KEYS, Kind.TRUSTED_PUBLIC_KEYS, Kind.DATA),
    Kind.CERTIFICATES: (Kind.CERTIFICATES, Kind.TRUSTED_CERTIFICATES, Kind.USEFUL_CERTIFICATES, Kind.DATA),
}
"""Lists whose entries have files of values, and those that may name the same ones. A private key is in none."""
_HEADER = 6
_TAKEN = frozenset({Sw.FILE_EXISTS, Sw.REFERENCE_DATA_NOT_USABLE, Sw.INCORRECT_DATA})
_NO_ROOM = frozenset({Sw.NO_SPACE, Sw.MEMORY_FAILURE, Sw.NO_DIAGNOSIS})
"""What cards say that have no room; a Java Card's applet whose memory is used up says 6F00."""


class Room:
    """Makes files at the first numbers that no entry names, counting up from those that the profile gives.

    A file there that nothing names is deleted if it is what a cut-off write leaves: blank, or as long as the one value
    that it begins with. Nobody is just about to name it: whoever calls is within a transaction, and other programs, as
    OpenSC, make file and entry within one of theirs. OpenSC writes over what no entry names, or stops if it is small.
    """

    def __init__(self, session: Session, files: Files, structure: Structure) -> None:
        self._session = session
        self._files = files
        self._structure = structure

    def new_file(self, place: str, kind: Kind, content: bytes) -> bytes:
        """Write a new file for the value of an entry in lists of that kind, and return its path.

        NotSupported if there is no room, or the profile does not say where such files go.
        """
        first = self._session.profile.objects.get(place)
        if first is None:
            raise NotSupported(f"the profile does not say where new files go ({place})")
        named = b"".join(item.encode() for item in self._structure.entries(kind))
        for path in self._unnamed(first, named):
            if self._create(path, len(content)):
                self._files.replace(path, content)
                return path
        raise _full()

    def files_of(self, kind: Kind, gone: Sequence[Tlv]) -> list[bytes]:
        """The files that go with these entries of a list of that kind; to be asked before the entries go.

        A file stays if another entry names it too, or if it has none of our numbers: an entry may name a directory.
        """
        try:
            listed = [item for other in _BESIDE.get(kind, ()) for item in self._structure.entries(other)]
        except (StatusError, ReplyError):  # nobody knows what it names
            return []
        others = b"".join(item.encode() for item in listed if item not in gone)
        values = [value_of_entry(kind, item) for item in gone]
        paths = dict.fromkeys(self._structure.absolute(value).path for value in values if isinstance(value, Location))
        return [path for path in paths if path[-2:] not in others and self._is_ours(path)]

    def _is_ours(self, path: bytes) -> bool:
        """Whether a file has a number that this driver, or OpenSC on such a card, gives to values."""
        firsts = [self._session.profile.objects.get(place, b"") for place in _PLACES]
        return path[:-1] in [first[:-1] for first in firsts if first]

    def delete(self, paths: Sequence[bytes]) -> None:
        """Delete the files whose entries have gone."""
        for path in paths:
            self._files.delete(path)

    def _unnamed(self, first: bytes, named: bytes) -> Iterator[bytes]:
        """Paths whose identifiers do not stand in these entries: one more than there can be keys."""
        start = int.from_bytes(first[-2:])
        numbers = (number.to_bytes(2) for number in range(start, min(start + _NUMBERS, 0x10000)))
        free = [number for number in numbers if number not in named]
        return (first[:-2] + number for number in free[: len(self._session.profile.keys) + 1])

    def _create(self, path: bytes, size: int) -> bool:
        """Make a file, in place of one that was left there if need be; False if another one has its path."""
        try:
            self._files.create(path, size, "pin")
        except SecurityStatus:
            raise
        except StatusError as error:
            return self._create_after_all(path, size, error)
        return True

    def _create_after_all(self, path: bytes, size: int, refusal: StatusError) -> bool:
        """Delete what is in the way, and try once more."""
        if self._files.exists(path):
            if not self._delete_if_left(path, self._all_entries()):
                return False
        elif refusal.sw in _TAKEN:  # the identifier is in use elsewhere on the card
            return False
        elif refusal.sw not in _NO_ROOM:
            raise refusal
        elif not self._sweep():
            raise _full() from refusal
        try:
            self._files.create(path, size, "pin")
        except SecurityStatus:
            raise
        except StatusError as error:
            if error.sw in _NO_ROOM:
                raise _full() from error
            raise
        return True

    def _sweep(self) -> bool:
        """Delete all that was left; False if that was nothing."""
        named = self._all_entries()
        firsts = [first for place in _PLACES if (first := self._session.profile.objects.get(place))]
        paths = [] if named is None else [path for first in firsts for path in self._unnamed(first, named)]
        return sum(self._delete_if_left(path, named) for path in paths if self._files.exists(path)) > 0

    def _all_entries(self) -> bytes | None:
        """Everything that may name a file; None if something of it cannot be read, so that nobody knows.

        A file counts as named if its identifier stands anywhere in there: rather once too often.
        """
        try:
            return self._structure.everything()
        except (StatusError, ReplyError):
            return None

    def _delete_if_left(self, path: bytes, named: bytes | None) -> bool:
        """Delete a file that is there, unless it is named, not of the kind that is left, or the card will not."""
        if named is None or path[-2:] in named:
            return False
        try:
            self._files.select(self._structure.odf().path)  # what some cards read in place of a directory
            if not _is_left(self._files.whole(path)):
                return False
            self._files.delete(path)
        except (StatusError, ReplyError):
            return False
        return True


def _is_left(content: bytes) -> bool:
    """Whether a cut-off write leaves such a file: nothing was written yet, or the value fills it (perhaps in part)."""
    if not content.strip(bytes(FILLERS)):
        return True
    return content[0] == der.SEQUENCE and tlv.total_length(content[:_HEADER]) == len(content)


def _full() -> NotSupported:
    return NotSupported("the card has no room for another file", hint="Delete what is not needed any more.")
