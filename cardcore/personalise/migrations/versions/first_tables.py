"""The journal's first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make them, those first that others refer to."""
    _runs()
    _holders()
    _cards()
    _certificates()
    _refused()
    _secrets()
    _stations()
    _steps()


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("plan", sa.String(length=400), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("name", name="uq_runs_name"),
    )


def _holders() -> None:
    op.create_table(
        "holders",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("profiles", sa.Text(), nullable=True),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_holders_run_runs"),
        sa.PrimaryKeyConstraint("run", "holder", name="pk_holders"),
    )
    op.create_index(
        "ix_holders_run_state_urgent_position", "holders", ["run", "state", "urgent", "position"], unique=False
    )


def _cards() -> None:
    op.create_table(
        "cards",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("profile", sa.String(length=100), nullable=False),
        sa.Column("serial", sa.String(length=200), nullable=False),
        sa.Column("live_serial", sa.String(length=300), nullable=True),
        sa.Column("live_holder", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("reader", sa.String(length=400), nullable=True),
        sa.Column("station", sa.String(length=200), nullable=True),
        sa.Column("claimed_at", sa.Float(), nullable=False),
        sa.Column("touched_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_cards_run_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_cards"),
        sa.UniqueConstraint("live_serial", name="uq_cards_live_serial"),
        sa.UniqueConstraint("run", "live_holder", name="uq_cards_run_live_holder"),
    )
    op.create_index("ix_cards_run", "cards", ["run"], unique=False)
    op.create_index("ix_cards_serial", "cards", ["serial"], unique=False)


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("card", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("reference", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("request", sa.LargeBinary(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("ask_after", sa.Float(), nullable=True),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.Column("chain", sa.JSON(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("serial", sa.String(length=64), nullable=True),
        sa.Column("not_after", sa.Float(), nullable=True),
        sa.Column("revoke", sa.String(length=100), nullable=True),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["card"], ["cards.id"], name="fk_certificates_card_cards"),
        sa.PrimaryKeyConstraint("card", "key", name="pk_certificates"),
        sa.UniqueConstraint("issuer", "serial", name="uq_certificates_issuer_serial"),
        sa.UniqueConstraint("public_key", name="uq_certificates_public_key"),
        sa.UniqueConstraint("reference", name="uq_certificates_reference"),
    )


def _refused() -> None:
    op.create_table(
        "refused",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("reader", sa.String(length=400), nullable=False),
        sa.Column("serial", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("refused_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_refused_run_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_refused"),
    )
    op.create_index("ix_refused_run", "refused", ["run"], unique=False)


def _secrets() -> None:
    op.create_table(
        "secrets",
        sa.Column("card", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=True),
        sa.Column("proposed_at", sa.Float(), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["card"], ["cards.id"], name="fk_secrets_card_cards"),
        sa.PrimaryKeyConstraint("card", "name", "generation", name="pk_secrets"),
    )


def _stations() -> None:
    op.create_table(
        "stations",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_stations_run_runs"),
        sa.PrimaryKeyConstraint("name", name="pk_stations"),
    )
    op.create_index("ix_stations_run", "stations", ["run"], unique=False)


def _steps() -> None:
    op.create_table(
        "steps",
        sa.Column("card", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("apdus", sa.Integer(), nullable=True),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["card"], ["cards.id"], name="fk_steps_card_cards"),
        sa.PrimaryKeyConstraint("card", "step", name="pk_steps"),
    )
