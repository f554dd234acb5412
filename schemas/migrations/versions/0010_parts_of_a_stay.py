"""Which Encounter is part of which stay.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "part_link",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("is_part", sa.Boolean(), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", "target", "is_part", name=op.f("pk_part_link")),
        comment="Which FHIR Encounter is, or is part of, which stay, in any version; `waits` until the stay is known.",
    )
    op.create_index(op.f("ix_part_link_target"), "part_link", ["target"], unique=False)
    waits = sa.text("waits")
    op.create_index("ix_part_link_waits", "part_link", ["name"], postgresql_where=waits, sqlite_where=waits)
