"""Brings a journal's database to the tables that this release knows, whichever release made it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text

from cardcore.errors import CardError
from cardcore.personalise.tables import METADATA

HEAD = "2"
"""The newest version, which `tables` describes; a test holds it to the migrations."""
_VERSIONS = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
_LOCK = text("SELECT pg_advisory_xact_lock(7816)")


class NewerJournal(CardError):
    """The journal was made by a newer release."""

    code = "newer-journal"
    default_hint = "Use that release of cardcore, or a newer one."


def bring_up(connection: Connection) -> None:
    """Make the tables in an empty database, migrate those of an older release; within the connection's transaction.

    Stations that open a database at the same time do it one after the other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK)
    found = version(connection)
    if found == HEAD:
        return
    if found is None:
        METADATA.create_all(connection)
        _VERSIONS.create(connection)
        connection.execute(_VERSIONS.insert().values(version_num=HEAD))
    else:
        upgrade(connection)


def version(connection: Connection) -> str | None:
    """The version of the tables, None if there are none."""
    if not inspect(connection).has_table(_VERSIONS.name):
        return None
    return connection.execute(select(_VERSIONS.c.version_num)).scalar_one_or_none()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the migrations that are missing; NewerJournal if the database has some that are not known here."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise NewerJournal("the journal was made by a newer release of cardcore") from error
