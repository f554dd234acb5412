"""The log grows: a partition for each month, notes on facts, and indexes for the agents' queries.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from schemas.partitions import Month, month_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "place",
        sa.Column("facility_id", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Text(), nullable=False),
        sa.Column("bed_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("facility_id", "unit_id", "bed_id", name=op.f("pk_place")),
        comment="Places that facts have named, each once; bed_id is empty where a fact named only the unit.",
    )
    op.create_table(
        "shared_id",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", "subject", name=op.f("pk_shared_id")),
        comment="Ids that a source gave to facts about several subjects, or to two reports on one bed.",
    )
    op.create_table(
        "encounter_merge",
        sa.Column("encounter_id", sa.Text(), nullable=False),
        sa.Column("merged_into", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("encounter_id", "merged_into", name=op.f("pk_encounter_merge")),
        comment="Merges of encounters that facts reported, undone or not: whose facts are folded together.",
    )
    op.create_index(op.f("ix_encounter_merge_merged_into"), "encounter_merge", ["merged_into"], unique=False)
    op.create_table(
        "archived_encounter",
        sa.Column("encounter_id", sa.Text(), nullable=False),
        sa.Column("archive", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("encounter_id", name=op.f("pk_archived_encounter")),
        comment="Encounters whose facts have left the log, and the file that has them.",
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SET LOCAL statement_timeout = 0")  # a log of years takes minutes
        _partition()
    op.create_index(op.f("ix_fact_source_event_id"), "fact", ["source", "event_id"], unique=False)
    op.create_index(
        op.f("ix_unit_stay_facility_id_unit_id_bed_id_left_at"),
        "unit_stay",
        ["facility_id", "unit_id", "bed_id", "left_at"],
        unique=False,
    )
    inpatient = sa.text("patient_class = 'inpatient'")
    op.create_index(
        "ix_encounter_inpatients_discharged_at",
        "encounter",
        ["discharged_at"],
        postgresql_where=inpatient,
        sqlite_where=inpatient,
    )
    _fill()


def _partition() -> None:
    """Make the log a table with a partition for each month, and move its facts into them."""
    op.execute("ALTER TABLE fact RENAME TO fact_unpartitioned")
    op.execute(
        "CREATE TABLE fact (LIKE fact_unpartitioned INCLUDING DEFAULTS INCLUDING COMMENTS) "
        "PARTITION BY RANGE (received_at)"
    )
    comment = "The log. One source + id with other content is another row: both are kept."
    op.create_table_comment("fact", comment)
    at = sa.text("SELECT DISTINCT date_trunc('month', received_at, 'UTC') FROM fact_unpartitioned")
    months = {Month.of(begin) for (begin,) in op.get_bind().execute(at)}
    this = Month.of(datetime.now(UTC))
    for month in sorted(months | {this, this.next}):
        for statement in month_sql(month):
            op.execute(statement)
    op.execute("INSERT INTO fact SELECT * FROM fact_unpartitioned")
    op.execute("DROP TABLE fact_unpartitioned")


def _fill() -> None:
    """Note what the log holds already."""
    sqlite = op.get_bind().dialect.name == "sqlite"

    def of_body(*path: str) -> str:
        if sqlite:
            return f"json_extract(CAST(body AS TEXT), '$.{'.'.join(path)}')"
        return f"convert_from(body, 'UTF8')::json #>> '{{{','.join(path)}}}'"

    for name in ("location", "temporary_location"):
        facility, unit, bed = (of_body("data", name, each) for each in ("facility_id", "unit_id", "bed_id"))
        op.execute(
            f"INSERT INTO place SELECT DISTINCT {facility}, {unit}, coalesce({bed}, '') FROM fact "
            f"WHERE {unit} IS NOT NULL ON CONFLICT DO NOTHING"
        )
    op.execute(
        f"INSERT INTO encounter_merge SELECT DISTINCT subject, {of_body('data', 'into')} FROM fact "
        f"WHERE {of_body('type')} = 'wardwatch.adt.encounters_merged.v1'"
    )
    op.execute(
        "INSERT INTO encounter_merge SELECT DISTINCT subject, subject FROM fact "
        f"WHERE {of_body('type')} = 'wardwatch.adt.encounters_unmerged.v1'"
    )
    op.execute(
        "INSERT INTO shared_id SELECT DISTINCT fact.source, fact.event_id, fact.subject FROM fact JOIN "
        "(SELECT source, event_id FROM fact GROUP BY source, event_id HAVING count(*) > 1 "
        "AND (min(subject) <> max(subject) OR (min(subject) LIKE 'bed:%' AND min(digest) <> max(digest)))) AS twice "
        "ON twice.source = fact.source AND twice.event_id = fact.event_id"
    )
