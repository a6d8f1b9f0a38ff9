"""Names of containers: the forms that CPAcquireContext takes, and names that programs gave to containers they made."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from csp_frontend.constants import Code
from csp_frontend.errors import CspError

_READER = "\\\\.\\"
_SHA1 = re.compile(r"[0-9A-Fa-f]{40}")
_HEX = re.compile(r"0[xX][0-9A-Fa-f]{1,64}")
_MAX_NAME = 260
LONGEST = 3 * 39
"""Bytes of the longest name of a container as UTF-8, without the NUL: a card's own map has room for 39 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerName:
    """What a program wants to have opened.

    `reader` is empty where it does not matter. Of the others one is set at most: the SHA-1 of a certificate, or a
    `name`: of the container, or behind a reader also the number of a key. Nothing but a reader: its default container.
    """

    reader: str = ""
    sha1: bytes = b""
    name: str = ""

    @property
    def number(self) -> int | None:
        """The key's number on its token, where the name can be one (`0x` in front: hexadecimal)."""
        if _HEX.fullmatch(self.name):
            return int(self.name, 16)
        return int(self.name) if self.name.isascii() and self.name.isdecimal() else None


def parse(text: str) -> ContainerName:
    r"""One of `\\.\<reader>\`, `\\.\<reader>\<id or name>`, 40 hex digits, a GUID or another name.

    NTE_BAD_KEYSET if it is none, as for `\\.\` alone.
    """
    if not text or len(text) > _MAX_NAME:
        raise CspError(Code.NTE_BAD_KEYSET, f"a container's name has 1 to {_MAX_NAME} characters")
    if not text.startswith(_READER):
        return _within("", text)
    reader, _, name = text.removeprefix(_READER).partition("\\")
    if not reader:
        raise CspError(Code.NTE_BAD_KEYSET, "the name of the reader is missing")
    return _within(reader, name)


def _within(reader: str, name: str) -> ContainerName:
    if _SHA1.fullmatch(name):
        return ContainerName(reader=reader, sha1=bytes.fromhex(name))
    return ContainerName(reader=reader, name=name)


def same(left: str, right: str) -> bool:
    """Whether two names are the same container's: a GUID in braces or not, in any case."""
    return left.strip("{}").casefold() == right.strip("{}").casefold()


class NameBook:
    """Names that programs gave to containers on cards that keep none: name -> the containers' own names.

    They are several where a program gave the same name on several cards, as who prepares cards by a script does. The
    book lives in a file if there is one; a file that cannot be read is an empty book.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._names: dict[str, list[str]] = _read(path)

    def resolve(self, name: str) -> tuple[str, ...]:
        """The containers' own names for a given one, else what was asked for."""
        with self._lock:
            return tuple(self._names.get(name.casefold(), ())) or (name,)

    def note(self, name: str, own: str) -> None:
        """Remember a name."""
        with self._lock:
            known = self._names.setdefault(name.casefold(), [])
            if own not in known:
                known.append(own)
            self._write()

    def forget(self, own: str) -> None:
        """The container has gone, and with it its names."""
        with self._lock:
            left = {name: [one for one in known if one != own] for name, known in self._names.items()}
            self._names = {name: known for name, known in left.items() if known}
            self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        aside = self._path.with_suffix(".new")
        aside.write_text(json.dumps(self._names, indent=1), encoding="utf-8")
        aside.replace(self._path)


def _read(path: Path | None) -> dict[str, list[str]]:
    try:
        found = json.loads(path.read_bytes()) if path is not None else {}
    except (OSError, ValueError):
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    lists = {name: known for name, known in pairs if isinstance(known, list)}
    return {name: [own for own in known if isinstance(own, str)] for name, known in lists.items()}
