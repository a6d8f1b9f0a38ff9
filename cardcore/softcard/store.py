"""Software cards as files: one JSON file per card, safe against crashes and against two processes at once."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from cardcore.errors import CardError, InputError, NoReader
from cardcore.softcard.card import SoftCard
from cardcore.softcard.locking import locked, read_token, renew_token
from cardcore.softcard.memory import JsonObject
from cardcore.softcard.personality import DEFAULT_COST, ScryptCost, Secrets
from cardcore.softcard.registry import fresh_state, new_serial, open_card, shown_serial

ENVIRONMENT = "CARDCORE_SOFT_DIR"
_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}[A-Za-z0-9]|[A-Za-z0-9]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # names of devices on Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftCardInfo:
    """A software card as it is listed; `serial` as its family shows it, empty while a blank card has none.

    `damage` says what is wrong with its file, and is empty for a card that can be used; then there is an application.
    """

    name: str
    application: str
    serial: str
    path: Path
    damage: str = ""


class FileMemory:
    """A card's memory in a JSON file.

    Every session holds the file's lock and reads the file again if another process has written it. A write
    goes to a new file that replaces the old one when it is safely on the disk, so that a crash at any moment
    leaves either state, whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: JsonObject = {}
        self._seen: tuple[bytes, int, int, int] | None = None
        self._descriptor = -1

    @property
    def revision(self) -> bytes:
        """The token of the last write and the file's identity, in one."""
        return repr(self._seen).encode()

    @property
    def content(self) -> JsonObject:
        """The whole file as last read."""
        return self._content

    @contextmanager
    def session(self) -> Iterator[None]:
        """Hold the card's lock, with the latest content; CardError if the file is damaged, OSError if it is gone."""
        with locked(lock_path(self._path)) as descriptor:
            self._descriptor = descriptor
            try:
                self._take_up()
                yield
            finally:
                self._descriptor = -1

    def read(self, application: str) -> JsonObject:
        """The state of one application."""
        state: JsonObject = self._content["applications"][application]
        return state

    def write(self, application: str, state: JsonObject) -> None:
        """Replace the state of one application, on the disk before this returns."""
        content = {**self._content, "applications": {**self._content["applications"], application: state}}
        token = renew_token(self._descriptor)
        write_safely(self._path, content)
        self._content = content
        self._seen = self._signature(token)

    def _take_up(self) -> None:
        signature = self._signature(read_token(self._descriptor))
        if signature == self._seen:
            return
        self._content = _read_file(self._path)
        self._seen = signature

    def _signature(self, token: bytes) -> tuple[bytes, int, int, int]:
        status = self._path.stat()
        return token, status.st_ino, status.st_mtime_ns, status.st_size


def _read_file(path: Path) -> JsonObject:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        content = None
    if (
        not isinstance(content, dict)
        or content.get("format") != _FORMAT
        or not _are_states(content.get("applications"))
    ):
        raise CardError(f"{path} is no software card file of format {_FORMAT}", hint="Restore it from a backup.")
    return content


def _are_states(applications: object) -> bool:
    """Whether there are states of applications, by name; what is in them is each application's own matter."""
    return (
        isinstance(applications, dict)
        and bool(applications)
        and all(isinstance(state, dict) for state in applications.values())
    )


def write_safely(path: Path, content: dict[str, Any]) -> None:
    """Replace the file `path` by `content` as JSON, mode 0600: written aside, synced, renamed, directory synced."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def default_directory() -> Path:
    """Where cards live: `CARDCORE_SOFT_DIR` if set, else the user's data directory."""
    chosen = os.environ.get(ENVIRONMENT)
    return Path(chosen) if chosen else user_data_path("cardcore", appauthor=False) / "soft"


class SoftCardStore:
    """The software cards in one directory (mode 0700)."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or default_directory()

    @property
    def directory(self) -> Path:
        """Where the cards are; it need not exist as long as there is none."""
        return self._directory

    def create(
        self,
        name: str,
        application: str,
        secrets: Secrets | None = None,
        *,
        blank: bool = False,
        pin_tries: int = 3,
        puk_tries: int = 3,
        cost: ScryptCost = DEFAULT_COST,
    ) -> SoftCardInfo:
        """Make a new card; InputError if the name is taken or unfit, or a secret does not fit the family.

        What `secrets` leaves out is the family's published factory secret (`factory_secrets`).
        """
        path = self._path(name)
        serial = new_serial()
        state = fresh_state(
            application,
            secrets or Secrets(),
            serial=serial,
            blank=blank,
            pin_tries=pin_tries,
            puk_tries=puk_tries,
            cost=cost,
        )
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(lock_path(path)) as lock:
            if path.exists():
                raise InputError(f"a software card {name!r} exists already", hint="Choose another name, or delete it.")
            renew_token(lock)
            write_safely(path, {"format": _FORMAT, "serial": serial.hex(), "applications": {application: state}})
        return SoftCardInfo(name=name, application=application, serial=shown_serial(application, state), path=path)

    def open(self, name: str) -> SoftCard:
        """The card called `name`, freshly powered; NoReader if there is none, CardError if its file is damaged."""
        memory = FileMemory(self._existing(name))
        with memory.session():
            applications = tuple(memory.content["applications"])
        return open_card(memory, applications)

    def list(self) -> list[SoftCardInfo]:
        """Every card in the directory, by name; one whose file is damaged too."""
        paths = sorted(self._directory.glob("*.json")) if self._directory.is_dir() else []
        return [self._info(path) for path in paths if _is_name(path.stem)]

    def delete(self, name: str) -> None:
        """Remove the card and its keys for good; NoReader if there is none."""
        path = self._existing(name)
        lock = lock_path(path)
        with locked(lock):
            path.unlink(missing_ok=True)
            if sys.platform != "win32":  # Windows cannot delete an open file; there the empty lock file stays
                lock.unlink(missing_ok=True)
        _sync_directory(self._directory)

    def _info(self, path: Path) -> SoftCardInfo:
        memory = FileMemory(path)
        application = serial = damage = ""
        try:
            with memory.session():
                content = memory.content
            application, state = next(iter(content["applications"].items()))
            serial = shown_serial(application, state)
        except CardError as error:
            damage = error.message
        except OSError as error:
            damage = f"{path} cannot be read: {error.strerror}"
        except (KeyError, TypeError, ValueError):
            damage = f"{path} lacks a part of the card's state"
        return SoftCardInfo(name=path.stem, application=application, serial=serial, path=path, damage=damage)

    def _existing(self, name: str) -> Path:
        path = self._path(name)
        if not path.exists():
            raise NoReader(
                f"there is no software card {name!r}", hint="List them with `cardcore soft list`, or create it."
            )
        return path

    def _path(self, name: str) -> Path:
        if not _is_name(name):
            raise InputError(
                f"{name!r} cannot be the name of a software card",
                hint="Use 1 to 64 letters, digits, '.', '_' or '-', beginning and ending with a letter or digit.",
            )
        return self._directory / f"{name}.json"


def _is_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and not _RESERVED.fullmatch(name)


def lock_path(path: Path) -> Path:
    """The lock file that belongs to the card file `path`."""
    return path.with_suffix(".lock")
