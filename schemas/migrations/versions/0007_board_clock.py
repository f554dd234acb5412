"""The board's time, and how many facts the feed brought in each hour.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.tables import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply. The hours of the facts so far are counted from the log, by the time at which they happened."""
    op.add_column("watermark", sa.Column("samples", sa.LargeBinary(), nullable=True))
    op.add_column("watermark", sa.Column("sent_at", UtcDateTime(), nullable=True))
    op.add_column("watermark", sa.Column("checked_at", UtcDateTime(), nullable=True))
    op.create_table(
        "board_clock",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("wall", UtcDateTime(), nullable=False),
        sa.Column("pace", sa.Float(), nullable=False),
        sa.Column("behind", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_board_clock")),
        comment="The board's time at a moment of the wall clock, and how it goes on: it never goes back.",
    )
    op.create_table(
        "feed_hour",
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("facts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "partition", name=op.f("pk_feed_hour")),
        comment="New facts by the hour in which they were recorded: how long a silence is likely.",
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    hour = "substr(occurred_at, 1, 13) || ':00:00.000000+00:00'" if sqlite else "date_trunc('hour', occurred_at)"
    op.execute(f"INSERT INTO feed_hour SELECT {hour}, 0, count(*) FROM fact GROUP BY 1")
