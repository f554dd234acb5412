"""Alembic migrations of the tables in `schemas.tables`."""
