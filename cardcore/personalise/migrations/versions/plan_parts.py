"""What the plan of a run lays down, part by part."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """NULL for runs that were begun before."""
    op.add_column("runs", sa.Column("parts", sa.JSON(), nullable=True))
