"""What a CA of one's own has issued, on disk, so that the same order never gives a second certificate."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cardcore.personalise.issuers.base import IssuerUnreachable

_TABLE = """
create table if not exists issued (
    authority blob not null,
    reference text not null,
    key blob not null,
    certificate blob not null,
    primary key (authority, reference)
) without rowid
"""
_BUSY_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A certificate (DER) that was issued, and the SHA-256 value of the public key in it."""

    key: bytes
    certificate: bytes


class IssuedIndex:
    """Certificates by order, for threads and processes at once; `authority` tells CAs with one file apart.

    A certificate exists once it is in the file for good: what was signed and not recorded was never given to anyone.
    IssuerUnreachable where the file cannot be read or written.
    """

    def __init__(self, file: Path, authority: bytes) -> None:
        self._file = file
        self._authority = authority

    def find(self, reference: str) -> Entry | None:
        """What was issued under the reference, if anything was."""
        with self._connection() as connection:
            return self._select(connection, reference)

    def find_or_add(self, reference: str, key: bytes, issue: Callable[[], bytes]) -> Entry:
        """What was issued under the reference; if nothing was, what `issue` makes for the key, recorded first."""
        with self._connection() as connection:
            connection.execute("begin immediate")
            found = self._select(connection, reference)
            if found is None:
                found = Entry(key=key, certificate=issue())
                row = (self._authority, reference, found.key, found.certificate)
                connection.execute("insert into issued values (?, ?, ?, ?)", row)
            connection.execute("commit")
            return found

    def _select(self, connection: sqlite3.Connection, reference: str) -> Entry | None:
        query = "select key, certificate from issued where authority = ? and reference = ?"
        row = connection.execute(query, (self._authority, reference)).fetchone()
        return None if row is None else Entry(key=row[0], certificate=row[1])

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._file, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                connection.execute("pragma synchronous = full")
                connection.execute(_TABLE)
                yield connection
            finally:
                connection.close()  # rolls back what was not committed
        except sqlite3.Error as error:
            raise IssuerUnreachable(
                f"the CA's record {self._file} cannot be used: {error}",
                hint="Check the path, the rights and the room on the disk; nothing was issued.",
            ) from error
