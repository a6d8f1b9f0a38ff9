"""What may be remembered of cards between processes: types of keys as hints, public objects under a mark of the card.

Nothing here is secret, and nothing here decides: a hint is tried where the card itself refuses a wrong one, and a
public object counts only under the mark that the card has just told. A file that is damaged, too large, somebody else's
or a link is ignored as if it were not there; one that cannot be written is not missed.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

DIFFERS = "differs"
"""A hint that says: among the cards of this kind the key has had several types, so ask."""

MAX_BYTES = 1024 * 1024
_FORMAT = 1  # to be counted up when a release means something else by what it remembers
_MAX_MARKS = 8
_MAX_NAMES = 1024
_MAX_FILES = 64
_PRIVATE = 0o700
_SUFFIX = ".cache"
_NAME_SIZE = 64  # a hash in hexadecimal


class _Remembered(NamedTuple):
    """The content of one file: key types by slot; objects by mark and name, empty where the card has none."""

    types: Mapping[str, str]
    objects: Mapping[str, Mapping[str, bytes]]


_NOTHING = _Remembered(types={}, objects={})


class CardCache:
    """What is remembered of the cards that have one ATR and are driven by the same profile, to the letter.

    `sources` are the profile's file and those of its bases. Each instance reads its file once, when it is first asked.
    """

    def __init__(self, sources: tuple[str, ...], atr: bytes) -> None:
        self._sources = sources
        self._atr = atr
        self._read: _Remembered | None = None
        self._name = ""

    def key_type(self, slot: str) -> str:
        """The type that the key was seen to have, `DIFFERS`, or empty."""
        return self._remembered().types.get(slot, "")

    def keep_key_type(self, slot: str, name: str) -> None:
        """Remember the type that a card told; one that contradicts what is remembered makes it `DIFFERS`."""
        known = self.key_type(slot)
        if known not in (name, DIFFERS):
            now = self._renewed()
            self._write(_Remembered(types={**now.types, slot: DIFFERS if known else name}, objects=now.objects))

    def content(self, mark: bytes, name: str) -> bytes | None:
        """The object of a card in the state that the mark stands for; empty if it has none, None if it is not known."""
        return self._remembered().objects.get(mark.hex(), {}).get(name)

    def keep_content(self, mark: bytes, name: str, content: bytes) -> None:
        """Remember what was read of a card in the same transaction in which it told the mark."""
        now = self._renewed()
        objects = {**now.objects, mark.hex(): {**now.objects.get(mark.hex(), {}), name: content}}
        self._write(_Remembered(types=now.types, objects=dict(list(objects.items())[-_MAX_MARKS:])))

    def drop(self) -> None:
        """Forget all cards of this kind: one of them is about to be changed, or was."""
        self._read = _NOTHING
        with suppress(OSError):
            self._path(_safe(_folder())).unlink()

    def _remembered(self) -> _Remembered:
        if self._read is None:
            self._read = self._renewed()
        return self._read

    def _renewed(self) -> _Remembered:
        """The file as it is now: another process may have written it."""
        try:
            return _decoded(_content(self._path(_safe(_folder()))))
        except (OSError, ValueError, RecursionError):
            return _NOTHING

    def _write(self, remembered: _Remembered) -> None:
        self._read = remembered
        with suppress(OSError):
            folder = _folder()
            folder.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            folder.mkdir(mode=_PRIVATE, exist_ok=True)
            _replace(self._path(_safe(folder)), _encoded(remembered))

    def _path(self, folder: Path) -> Path:
        """The file: its name is a hash, so that a profile that was edited is another one; OSError if it is gone."""
        if not self._name:
            import hashlib

            found = hashlib.sha256(f"{_FORMAT} {self._atr.hex()}".encode())
            for source in self._sources:
                found.update(hashlib.sha256(Path(source).read_bytes()).digest())
            self._name = found.hexdigest() + _SUFFIX
        return folder / self._name


def clear() -> None:
    """Forget every card of this user."""
    with suppress(OSError):
        for path in _safe(_folder()).glob("?" * _NAME_SIZE + ".*"):
            path.unlink(missing_ok=True)


def _folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("cardcore", appauthor=False) / "public"


def _safe(folder: Path) -> Path:
    """The folder, if it is this user's alone and nobody else can put another one in its place; OSError if not."""
    parent = folder.parent.stat()
    movable = sys.platform != "win32" and (parent.st_uid not in (0, os.geteuid()) or parent.st_mode & stat.S_IWOTH)
    if movable or not _ours(os.lstat(folder), stat.S_IFDIR):
        raise PermissionError(f"{folder} is not this user's alone")
    return folder


def _ours(found: os.stat_result, kind: int) -> bool:
    """Whether it is of that kind (S_IFDIR, S_IFREG), and this user's alone."""
    if stat.S_IFMT(found.st_mode) != kind:
        return False
    return sys.platform == "win32" or (found.st_uid == os.geteuid() and not found.st_mode & 0o077)


def _content(path: Path) -> bytes:
    """The bytes of a file that is ours, links not followed and devices not waited for; OSError, ValueError."""
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
        flags |= getattr(os, name, 0)
    with open(os.open(path, flags), "rb") as stream:
        found = os.fstat(stream.fileno())
        if not _ours(found, stat.S_IFREG) or found.st_size > MAX_BYTES:
            raise ValueError("not a cache of this user")
        return stream.read(MAX_BYTES)


def _replace(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all; the oldest go where there are too many."""
    if len(content) > MAX_BYTES:
        return
    new = path.with_suffix(f".{os.getpid()}-{time.monotonic_ns()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    files = sorted(path.parent.iterdir(), key=lambda found: found.lstat().st_mtime)
    for old in files[:-_MAX_FILES]:
        old.unlink(missing_ok=True)


def _encoded(remembered: _Remembered) -> bytes:
    """A line with the hash of the rest, then JSON."""
    import hashlib
    import json

    objects = {
        mark: {name: content.hex() for name, content in named.items()} for mark, named in remembered.objects.items()
    }
    text = json.dumps({"types": dict(remembered.types), "objects": objects}).encode()
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def _decoded(data: bytes) -> _Remembered:
    """What `_encoded` made; ValueError for anything else."""
    import hashlib
    import json

    digest, _, text = data.partition(b"\n")
    if digest != hashlib.sha256(text).hexdigest().encode():
        raise ValueError("the hash does not fit")
    found = _strings(json.loads(text))
    objects = {mark: _strings(named) for mark, named in _strings(found.get("objects")).items()}
    return _Remembered(
        types={slot: str(name) for slot, name in _strings(found.get("types")).items()},
        objects={
            mark: {name: bytes.fromhex(str(content)) for name, content in named.items()}
            for mark, named in objects.items()
        },
    )


def _strings(found: object) -> Mapping[str, object]:
    """A JSON object of bearable size; ValueError for anything else."""
    if not isinstance(found, dict) or len(found) > _MAX_NAMES:
        raise ValueError("no JSON object of ours")
    return found
