"""Imported code sets; labels by patient, with the return that decided them.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.tables import UtcDateTime

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "code_sets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_code_sets")),
        comment="CCS maps and CMS lists as imported: models.labels.code_sets.CodeSets as compressed JSON.",
    )
    op.add_column("label", sa.Column("readmission_encounter_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_label_patient_token"), "label", ["patient_token"], unique=False)
