"""Which encounter turned out to be another one.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    op.add_column("encounter", sa.Column("merged_into", sa.Text(), nullable=True))
    merged = sa.text("merged_into IS NOT NULL")
    op.create_index(
        "ix_encounter_merged_into", "encounter", ["merged_into"], postgresql_where=merged, sqlite_where=merged
    )
