"""Bedside scores beside the risk of the models.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

COMMENT = "Risk as issued, with the features and the bedside scores (JSON) as they were then. Never changed."


def upgrade() -> None:
    """Apply. Scores issued before have none."""
    op.add_column("score", sa.Column("bedside", sa.LargeBinary()))
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps no comments
        op.create_table_comment("score", COMMENT)
