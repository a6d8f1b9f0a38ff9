"""Run by alembic: migrates the connection that `schema_versions` hands over."""

from __future__ import annotations

from alembic import context

from cardcore.personalise.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
