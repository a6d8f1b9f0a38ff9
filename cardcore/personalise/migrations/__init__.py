"""Steps by which the journal's tables came to be what they are, for alembic."""
