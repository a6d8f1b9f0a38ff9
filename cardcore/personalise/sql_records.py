"""Records of a SQL query, through SQLAlchemy: row after row, and nothing is changed in the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cardcore.errors import InputError, ProfileError
from cardcore.personalise.plan import SqlHolders

if TYPE_CHECKING:
    from sqlalchemy import Engine

QUERY = "the holders' query"
"""What stands in errors where a file's name would."""

_ROWS_AT_ONCE = 500


def sql_records(settings: SqlHolders) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each row with its number; ProfileError where the query fails. What it may have changed is rolled back."""
    from sqlalchemy import text

    with _engine(settings) as engine, engine.connect() as connection:
        options = {"stream_results": True, "yield_per": _ROWS_AT_ONCE}
        rows = connection.execution_options(**options).execute(text(settings.query))
        if not rows.returns_rows:
            raise ProfileError("the query returns no rows", file=QUERY, line=1, column=1, hint="Write a SELECT.")
        names = [str(name).strip() for name in rows.keys()]  # noqa: SIM118 - the result is no mapping
        if len(set(names)) != len(names):
            hint = "Give each column a name of its own: AS."
            raise ProfileError("the query names two columns alike", file=QUERY, line=1, column=1, hint=hint)
        for number, row in enumerate(rows, 1):
            yield number, {name: _value(number, name, value) for name, value in zip(names, row, strict=True)}


@contextmanager
def _engine(settings: SqlHolders) -> Iterator[Engine]:
    """The database, given back at the end; its errors without what could show the password in its URL."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    with settings.url() as url:
        try:
            engine = create_engine(url.reveal().decode())
        except (SQLAlchemyError, ValueError, ImportError) as error:
            reason = f"no driver ({error.name})" if isinstance(error, ImportError) else "not a database's URL"
            hint = "As postgresql+psycopg://USER:PASSWORD@HOST/NAME or sqlite:///FILE; the driver has to be installed."
            # Without the cause: its text may hold the URL.
            raise InputError(f"{settings.url} does not lead to a database: {reason}", hint=hint) from None
    try:
        yield engine
    except SQLAlchemyError as error:
        reason = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
        password = engine.url.password
        shown = " ".join((reason.replace(str(password), "***") if password else reason).split())
        raise ProfileError(f"the query failed: {shown}", file=QUERY, line=1, column=1) from None
    finally:
        engine.dispose()


def _value(number: int, name: str, value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        hint = "Let the query make text of it."
        raise ProfileError(f"the field {name} is binary", file=QUERY, line=number, column=1, hint=hint)
    return "" if value is None else str(value).strip()
