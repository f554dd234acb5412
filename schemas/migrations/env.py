"""Alembic's entry: runs the migrations on the engine that `schemas.database.upgrade` hands over."""

from __future__ import annotations

from alembic import context

from schemas.tables import metadata

engine = context.config.attributes["engine"]

with engine.begin() as connection:
    context.configure(
        connection=connection, target_metadata=metadata, transaction_per_migration=False, render_as_batch=True
    )
    with context.begin_transaction():
        context.run_migrations()
