"""Further numbers of a person, as PID-3 lists them.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "patient_link",
        sa.Column("patient_token", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("linked_to", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("patient_token", "position", name="pk_patient_link"),
        comment="Further numbers of a person, and the chosen number beside which PID-3 listed each.",
    )
    op.create_index("ix_patient_link_linked_to", "patient_link", ["linked_to"])
