"""Which dead letters were settled, and how.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.tables import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.add_column("dead_letter", sa.Column("settled_at", UtcDateTime(), nullable=True))
    op.add_column("dead_letter", sa.Column("settled_by", sa.Text(), nullable=True))
