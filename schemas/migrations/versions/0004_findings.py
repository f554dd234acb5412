"""What a person must look at; which of two words on a bed with one id is the later.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.tables import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.add_column("bed_status", sa.Column("digest", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("patient", sa.Column("provisional", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "finding",
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("facility_id", sa.Text(), nullable=True),
        sa.Column("unit_id", sa.Text(), nullable=True),
        sa.Column("bed_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("part", "kind", "subject", "says", name=op.f("pk_finding")),
        comment="What a person must look at, as last found; `part` says which look found it.",
    )
    op.create_table(
        "finding_look",
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("looked_at", UtcDateTime(), nullable=False),
        sa.Column("event_time", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("part", name=op.f("pk_finding_look")),
        comment="When each part of the list of findings was last looked at, by the clock on the wall, and up to when.",
    )
    _partial_index("encounter", "encounter_id", "in_progress", "status = 'in_progress'")
    _partial_index("encounter", "encounter_id", "provisional", "provisional")
    _partial_index("patient", "patient_token", "provisional", "provisional")


def _partial_index(table: str, column: str, name: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(f"ix_{table}_{name}", table, [column], unique=False, postgresql_where=where, sqlite_where=where)
