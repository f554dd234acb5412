"""The first tables.

Revision ID: 0001
Revises: None
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from schemas.tables import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alert",
        sa.Column("encounter_id", sa.Text(), nullable=False),
        sa.Column("patient_token", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("readmission_risk", sa.Float(), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=False),
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("encounter_id", name=op.f("pk_alert")),
        comment="At most one open alert an encounter.",
    )
    op.create_index(op.f("ix_alert_status_readmission_risk"), "alert", ["status", "readmission_risk"], unique=False)

    op.create_table(
        "batch_model",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("trained_at", UtcDateTime(), nullable=False),
        sa.Column("risk_threshold", sa.Float(), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.Column("artifact", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_batch_model")),
        comment="Trained scikit-learn pipelines as skops files; the latest by trained_at is in use.",
    )
    op.create_table(
        "bed_status",
        sa.Column("facility_id", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Text(), nullable=False),
        sa.Column("bed_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("facility_id", "unit_id", "bed_id", name=op.f("pk_bed_status")),
        comment="The latest word of housekeeping or the bed desk on each bed, and the fact it comes from.",
        info={"order": ("since", "recorded_at", "source", "event_id")},
    )
    op.create_table(
        "dead_letter",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("topic", "partition", "offset", "digest", name=op.f("pk_dead_letter")),
        comment="Records that are no facts, byte for byte, each once however often it was delivered.",
    )
    op.create_table(
        "encounter",
        sa.Column("encounter_id", sa.Text(), nullable=False),
        sa.Column("patient_token", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("patient_class", sa.Text(), nullable=False),
        sa.Column("admitted_at", UtcDateTime(), nullable=True),
        sa.Column("discharged_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("encounter_id", name=op.f("pk_encounter")),
        comment="The fold of each encounter's facts; `state` is schemas.state.Encounter as JSON.",
    )
    op.create_index(op.f("ix_encounter_patient_token"), "encounter", ["patient_token"], unique=False)

    op.create_table(
        "fact",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "source", "event_id", "digest", name=op.f("pk_fact")),
        comment="The log. One source + id with other content is another row: both are kept.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "label",
        sa.Column("encounter_id", sa.Text(), nullable=False),
        sa.Column("patient_token", sa.Text(), nullable=False),
        sa.Column("discharged_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("released_at", UtcDateTime(), nullable=True),
        sa.Column("readmitted_30d", sa.Boolean(), nullable=True),
        sa.Column("prequential_risk", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("encounter_id", name=op.f("pk_label")),
        comment="Index stays waiting for day 30 plus the lateness, then with their outcome.",
    )
    op.create_index(op.f("ix_label_released_at_due_at"), "label", ["released_at", "due_at"], unique=False)

    op.create_table(
        "midnight",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scored_until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_midnight")),
        comment="Up to which midnight all patients in a bed have been scored.",
    )
    op.create_table(
        "online_model",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("learnt", sa.Integer(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_online_model")),
        comment="The River model's state, saved in the transaction that released what it learnt from.",
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        comment="Messages to publish, written in the transaction that caused them.",
    )
    op.create_table(
        "score",
        sa.Column("encounter_id", sa.Text(), nullable=False),
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("as_of", UtcDateTime(), nullable=False),
        sa.Column("patient_token", sa.Text(), nullable=False),
        sa.Column("batch_risk", sa.Float(), nullable=False),
        sa.Column("online_risk", sa.Float(), nullable=False),
        sa.Column("readmission_risk", sa.Float(), nullable=False),
        sa.Column("batch_model", sa.Text(), nullable=False),
        sa.Column("online_version", sa.Integer(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("encounter_id", "moment", "as_of", name=op.f("pk_score")),
        comment="Risk as issued, with the features as they were then. Never changed.",
    )
    op.create_table(
        "unit_capacity",
        sa.Column("facility_id", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Text(), nullable=False),
        sa.Column("as_of", UtcDateTime(), nullable=False),
        sa.Column("metrics", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("facility_id", "unit_id", name=op.f("pk_unit_capacity")),
        comment="The latest schemas.topics.CapacityMetrics of each unit, as JSON.",
    )
    op.create_table(
        "unit_stay",
        sa.Column("encounter_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("facility_id", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Text(), nullable=False),
        sa.Column("bed_id", sa.Text(), nullable=True),
        sa.Column("arrived_at", UtcDateTime(), nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("encounter_id", "position", name=op.f("pk_unit_stay")),
        comment="Who was where: an encounter's claims on units and beds. left_at is NULL while it is there.",
    )
    op.create_index(
        op.f("ix_unit_stay_facility_id_unit_id_left_at"),
        "unit_stay",
        ["facility_id", "unit_id", "left_at"],
        unique=False,
    )

    op.create_table(
        "watermark",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("heads", sa.LargeBinary(), nullable=False),
        sa.Column("caught_up", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("pk_watermark")),
        comment="The latest event times seen in each partition, and whether nothing was left to read in it.",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("watermark")
    op.drop_table("unit_stay")
    op.drop_table("unit_capacity")
    op.drop_table("score")
    op.drop_table("outbox")
    op.drop_table("online_model")
    op.drop_table("midnight")
    op.drop_table("label")
    op.drop_table("fact")
    op.drop_table("encounter")
    op.drop_table("dead_letter")
    op.drop_table("bed_status")
    op.drop_table("batch_model")
    op.drop_table("alert")
