"""Who is who, what is planned, and which encounters need a look.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.tables import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.add_column("encounter", sa.Column("provisional", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "patient",
        sa.Column("patient_token", sa.Text(), nullable=False),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("patient_token", name=op.f("pk_patient")),
        comment="The fold of the facts about each patient token; `state` is schemas.state.Patient as JSON.",
    )
    op.create_index(op.f("ix_patient_merged_into"), "patient", ["merged_into"], unique=False)
    op.create_table(
        "alias",
        sa.Column("patient_token", sa.Text(), nullable=False),
        sa.Column("person_token", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("patient_token", name=op.f("pk_alias")),
        comment="Which person a merged token belongs to; a token that is its own person is not in it.",
    )
    op.create_index(op.f("ix_alias_person_token"), "alias", ["person_token"], unique=False)
    op.create_table(
        "reservation",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("patient_token", sa.Text(), nullable=False),
        sa.Column("facility_id", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Text(), nullable=False),
        sa.Column("bed_id", sa.Text(), nullable=True),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("expected_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("subject", "position", name=op.f("pk_reservation")),
        comment="Places that pending admissions and transfers are to take; the subject is an encounter or a patient.",
    )
    op.create_index(op.f("ix_reservation_facility_id_unit_id"), "reservation", ["facility_id", "unit_id"], unique=False)
