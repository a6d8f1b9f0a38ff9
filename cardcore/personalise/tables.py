"""The journal's tables, for SQLite and PostgreSQL alike. What must never happen is forbidden by constraints.

Times are seconds since 1970-01-01 UTC. The constraints on `live_serial` and `live_holder` hold for cards that count:
both are NULL, which equals nothing, once a card was undone or replaced.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RUNS = Table(
    "runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("plan", String(400), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("parts", JSON(none_as_null=True)),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
)
"""One row for each run of a plan. `digest` is the SHA-256 of the plan's file, `parts` those of what it lays down, by
name (see `plan_parts`)."""

HOLDERS = Table(
    "holders",
    METADATA,
    Column("run", ForeignKey(RUNS.c.id), primary_key=True),
    Column("holder", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False, default=False),
    Column("profiles", Text),
    Column("record", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Index(None, "run", "state", "urgent", "position"),
)
"""Who is to get a card, in the plan's order. `profiles` restricts the kind of card, as
|one|another|; `record` holds the
fields as a JSON object."""

CARDS = Table(
    "cards",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("run", ForeignKey(RUNS.c.id), nullable=False, index=True),
    Column("holder", String(200), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("profile", String(100), nullable=False),
    Column("serial", String(200), nullable=False, index=True),
    Column("live_serial", String(300), unique=True),
    Column("live_holder", String(200)),
    Column("state", String(20), nullable=False),
    Column("reason", String(40)),
    Column("detail", Text),
    Column("reader", String(400)),
    Column("station", String(200)),
    Column("claimed_at", Float, nullable=False),
    Column("touched_at", Float, nullable=False),
    Column("ended_at", Float),
    UniqueConstraint("run", "live_holder"),
)
"""One row for each card that became a holder's. `live_serial` is profile and serial number of a card that counts."""

STEPS = Table(
    "steps",
    METADATA,
    Column("card", ForeignKey(CARDS.c.id), primary_key=True),
    Column("step", String(200), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("seconds", Float),
    Column("apdus", Integer),
    Column("found", Boolean, nullable=False, default=False),
    Column("result", JSON),
)
"""What was begun and done on a card. `result` has no secret in it; bytes stand in it in hexadecimal."""

SECRETS = Table(
    "secrets",
    METADATA,
    Column("card", ForeignKey(CARDS.c.id), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("source", String(40), nullable=False),
    Column("envelope", LargeBinary),
    Column("proposed_at", Float, nullable=False),
    Column("changed_at", Float),
)
"""PINs, PUKs and admin keys, as CMS envelopes for the plan's recipients. `envelope` is NULL for a secret that the plan
can give again: one that is derived from a master key, or comes from a source."""

CERTIFICATES = Table(
    "certificates",
    METADATA,
    Column("card", ForeignKey(CARDS.c.id), primary_key=True),
    Column("key", String(100), primary_key=True),
    Column("reference", String(500), nullable=False, unique=True),
    Column("state", String(20), nullable=False),
    Column("public_key", LargeBinary, unique=True),
    Column("request", LargeBinary),
    Column("token", Text),
    Column("ask_after", Float),
    Column("certificate", LargeBinary),
    Column("chain", JSON),
    Column("subject", Text),
    Column("issuer", Text),
    Column("serial", String(64)),
    Column("not_after", Float),
    Column("revoke", String(100)),
    Column("changed_at", Float, nullable=False),
    UniqueConstraint("issuer", "serial"),
)
"""One row for each key with a certificate. `public_key` is the SHA-256 of the SubjectPublicKeyInfo of a key that a card
generated, NULL for one that was imported and may be on several cards; `revoke` says why a certificate is to be revoked.
No two rows have a generated key, or an issuer's serial number, in common."""

REFUSED = Table(
    "refused",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("run", ForeignKey(RUNS.c.id), nullable=False, index=True),
    Column("reader", String(400), nullable=False),
    Column("serial", String(200), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("detail", Text, nullable=False),
    Column("refused_at", Float, nullable=False),
)
"""Cards that were not taken."""

STATIONS = Table(
    "stations",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("run", ForeignKey(RUNS.c.id), nullable=False, index=True),
    Column("started_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("ended_at", Float),
)
"""Stations that work in runs with one database."""
