"""The journal's database: SQLite in a file, or what SQLAlchemy connects to. A transaction is on disk when it ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cardcore.errors import InputError
from cardcore.personalise.journal_file import JournalFile, StoreError
from cardcore.personalise.schema_versions import bring_up

_PATIENCE_MS = 30_000
_MOST_IDLE_MS = 10_000
"""A transaction in which nothing happens for so long is that of a station that stands still, or whose machine is gone:
PostgreSQL ends it, so that the others can park its cards."""
_SHORT_WAIT = text("SET LOCAL lock_timeout = '1s'")
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(7816, 4)")

Hook = Callable[[str], None]
"""Called with "before" and "after" around each commit of a write: tests end the process there."""


class Store:
    """A database with the journal's tables, for several threads and, with PostgreSQL, for several machines.

    In SQLite a transaction that writes excludes all others from its beginning (BEGIN IMMEDIATE), and is on the disk
    when it ends (write-ahead log, synchronous FULL).
    """

    def __init__(self, engine: Engine, hook: Hook | None = None) -> None:
        self._engine = engine
        self._hook = hook
        # SQLite lets those that wait sleep and try again; a lock wakes them at once.
        self._turn: AbstractContextManager[object] = Lock() if engine.dialect.name == "sqlite" else nullcontext()
        self._file: JournalFile | None = None

    @property
    def url(self) -> str:
        """Where the database is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    @property
    def address(self) -> URL:
        """Where the database is, with its password: for those who connect to it, not to be shown."""
        return self._engine.url

    @property
    def is_shared(self) -> bool:
        """Whether several stations can use it at once."""
        return self._engine.dialect.name == "postgresql"

    @contextmanager
    def write(self, *, waits: bool = True) -> Iterator[Connection]:
        """A transaction that writes: committed at the end, undone by an exception. StoreError if that fails.

        Without `waits` it also fails where another station's transaction holds up this one for more than a second.
        """
        with self._turn, _explained():
            if self._file is not None:
                self._file.require()
            with self._engine.connect() as connection:
                if self.is_shared and not waits:
                    connection.execute(_SHORT_WAIT)
                yield connection
                if self._hook is not None:
                    self._hook("before")
                connection.commit()
            if self._hook is not None:
                self._hook("after")

    def alone(self) -> AbstractContextManager[None]:
        """Only this program runs cards with the journal, if that is a file; InputError if another one does."""
        return nullcontext() if self._file is None else self._file.alone()

    def exclude_others(self, connection: Connection) -> None:
        """Let no other station do the same until the transaction ends; SQLite excludes all that write anyway."""
        if self.is_shared:
            connection.execute(_ONE_AT_A_TIME)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees one state of the database."""
        with _explained(), self._engine.connect() as connection:
            yield connection.execution_options(journal_reads=True)

    def bring_up(self) -> None:
        """Make the tables, or migrate those of an older release."""
        with self._turn, _explained(), self._engine.begin() as connection:
            bring_up(connection)
        if self._engine.dialect.name == "sqlite" and self._engine.url.database:
            self._file = JournalFile(Path(self._engine.url.database))

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()


def open_store(place: str | Path, hook: Hook | None = None) -> Store:
    """The store in a file (SQLite), or at a URL of SQLAlchemy (`postgresql+psycopg://...`); its tables are made.

    StoreError if it cannot be opened, InputError for a URL that is none.
    """
    try:
        url = make_url(place) if isinstance(place, str) and "://" in place else _sqlite(Path(place))
        # A connection that was lost while nobody used it is replaced before it is used: no run ends for that.
        engine = create_engine(_with_driver(url), pool_pre_ping=True)
    except (ArgumentError, ImportError) as error:
        raise InputError(
            "this is no place for a journal", hint="Give a file, or postgresql://USER@HOST/DATABASE."
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _set_up_postgresql)
    store = Store(engine, hook)
    store.bring_up()
    return store


def _sqlite(path: Path) -> URL:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # holders' records are nobody else's business
    except OSError as error:
        raise StoreError(f"the journal {path} cannot be opened: {error.strerror}") from error
    return URL.create("sqlite+pysqlite", database=str(path))


def _with_driver(url: URL) -> URL:
    """psycopg for PostgreSQL where no driver is named."""
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - whatever the driver has
    connection.isolation_level = None  # the driver begins nothing by itself
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={_PATIENCE_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _set_up_postgresql(connection: Any, _record: object) -> None:  # noqa: ANN401 - whatever the driver has
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = {_MOST_IDLE_MS}")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("journal_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def _explained() -> Iterator[None]:
    """StoreError for what the database says, without the values of the statement; InputError for what is no text."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"the journal cannot be used: {_reason(error)}") from error
    except UnicodeError as error:  # no database has room for a surrogate
        raise InputError(
            "a name, or other text for the journal, holds what is no character", hint="Write it in UTF-8."
        ) from error


def _reason(error: SQLAlchemyError) -> str:
    original = getattr(error, "orig", None)
    return str(original or error).strip().splitlines()[0]
