"""The file of a journal in SQLite: it stays where it is while it is used, and one program runs cards with it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cardcore.errors import CardError, InputError

_LOCK = ".lock"


class StoreError(CardError):
    """The journal's database cannot be used. Whatever was not confirmed by it may not have been recorded."""

    code = "store"
    default_hint = "Check the database and the disk; then continue with --resume."


class JournalFile:
    """The file as it was when it was opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = _identity(path)

    def require(self) -> None:
        """StoreError if the file was deleted or moved: SQLite would go on to write into one that has no name."""
        if _identity(self._path) != self._identity:
            raise StoreError(
                f"the journal {self._path} was deleted or moved while it was used",
                hint="Put it back where it was, with its -wal file, then continue with --resume.",
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other program runs cards with this journal; InputError if one does. What was killed holds up nobody.

        The lock is SQLite's, on an empty file of its own beside the journal, so that every system has it.
        """
        with closing(self._locked()):
            yield

    def _locked(self) -> sqlite3.Connection:
        try:
            lock = sqlite3.connect(f"{self._path}{_LOCK}", timeout=0, isolation_level=None)
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise StoreError(f"the journal {self._path} cannot be locked: {error}") from error
            raise InputError(
                f"another program runs cards with the journal {self._path}",
                hint="Let that one work with all readers, or end it first; several programs share a PostgreSQL.",
            ) from error
        return lock


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
