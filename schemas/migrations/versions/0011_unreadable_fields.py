"""Fields that a source has filled with what is not valid.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "unreadable_field",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "field", name=op.f("pk_unreadable_field")),
        comment="Fields that a source has filled with what is not valid; they count as not said.",
    )
