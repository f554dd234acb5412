"""SQL tables, declared once; `schemas/migrations` builds them on SQLite and PostgreSQL.

The source of truth is `fact` (of encounters and of beds). All other tables are derived and can be rebuilt, except
acts of people (`alert` acknowledgements, `finding_seen`) and scores as issued (`score`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)
from sqlalchemy.engine.interfaces import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC: `timestamptz` on PostgreSQL, sortable ISO 8601 text on SQLite (`utc_text`)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Choose the column type of the engine."""
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Reject naive times; convert to text for SQLite."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a zone reached SQL. Pass aware times in UTC.")
        return utc_text(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return aware UTC."""
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


def utc_text(value: datetime) -> str:
    """Return the time as SQLite stores it: fixed width, so that text order is time order."""
    return _utc_text(value if value.tzinfo is UTC else value.astimezone(UTC))


@lru_cache(maxsize=8192)  # rows of one batch share most of their times
def _utc_text(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"},
)


def _partial_index(table: str, column: str, name: str, condition: str) -> Index:
    """Return an index of the few rows that an agent looks for."""
    return Index(f"ix_{table}_{name}", column, postgresql_where=text(condition), sqlite_where=text(condition))


_serial = BigInteger().with_variant(Integer, "sqlite")

fact = Table(
    "fact",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("digest", BigInteger, primary_key=True),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "source", "event_id"),
    sqlite_with_rowid=False,
    comment="The log. One source + id with other content is another row: both are kept.",
)

place = Table(
    "place",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("unit_id", Text, primary_key=True),
    Column("bed_id", Text, primary_key=True),
    comment="Places that facts have named, each once; bed_id is empty where a fact named only the unit.",
)

shared_id = Table(
    "shared_id",
    metadata,
    Column("source", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    comment="Ids that a source gave to facts about several subjects, or to two reports on one bed.",
)

unreadable_field = Table(
    "unreadable_field",
    metadata,
    Column("source", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    comment="Fields that a source has filled with what is not valid; they count as not said.",
)

encounter_merge = Table(
    "encounter_merge",
    metadata,
    Column("encounter_id", Text, primary_key=True),
    Column("merged_into", Text, primary_key=True),
    Index(None, "merged_into"),
    comment="Merges of encounters that facts reported, undone or not: whose facts are folded together.",
)

archived_encounter = Table(
    "archived_encounter",
    metadata,
    Column("encounter_id", Text, primary_key=True),
    Column("archive", Text, nullable=False),
    comment="Encounters whose facts have left the log, and the file that has them.",
)

encounter = Table(
    "encounter",
    metadata,
    Column("encounter_id", Text, primary_key=True),
    Column("patient_token", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("patient_class", Text, nullable=False),
    Column("admitted_at", UtcDateTime),
    Column("discharged_at", UtcDateTime),
    Column("provisional", Boolean, nullable=False, server_default=false()),
    Column("merged_into", Text),
    Column("version", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Index(None, "patient_token"),
    _partial_index("encounter", "encounter_id", "in_progress", "status = 'in_progress'"),
    _partial_index("encounter", "encounter_id", "provisional", "provisional"),
    _partial_index("encounter", "merged_into", "merged_into", "merged_into IS NOT NULL"),
    _partial_index("encounter", "discharged_at", "inpatients_discharged_at", "patient_class = 'inpatient'"),
    comment="The fold of each encounter's facts; `state` is schemas.state.Encounter as JSON.",
)

part_link = Table(
    "part_link",
    metadata,
    Column("name", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("is_part", Boolean, primary_key=True),
    Column("waits", Boolean, nullable=False),
    Index(None, "target"),
    _partial_index("part_link", "name", "waits", "waits"),
    comment="Which FHIR Encounter is, or is part of, which stay, in any version; `waits` until the stay is known.",
)

unit_stay = Table(
    "unit_stay",
    metadata,
    Column("encounter_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("facility_id", Text, nullable=False),
    Column("unit_id", Text, nullable=False),
    Column("bed_id", Text),
    Column("arrived_at", UtcDateTime, nullable=False),
    Column("left_at", UtcDateTime),
    Index(None, "facility_id", "unit_id", "left_at"),
    Index(None, "facility_id", "unit_id", "bed_id", "left_at"),
    comment="Who was where: an encounter's claims on units and beds. left_at is NULL while it is there.",
)

patient = Table(
    "patient",
    metadata,
    Column("patient_token", Text, primary_key=True),
    Column("merged_into", Text),
    Column("provisional", Boolean, nullable=False, server_default=false()),
    Column("version", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Index(None, "merged_into"),
    _partial_index("patient", "patient_token", "provisional", "provisional"),
    comment="The fold of the facts about each patient token; `state` is schemas.state.Patient as JSON.",
)

patient_link = Table(
    "patient_link",
    metadata,
    Column("patient_token", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("linked_to", Text, nullable=False),
    Index(None, "linked_to"),
    comment="Further numbers of a person, and the chosen number beside which PID-3 listed each.",
)

alias = Table(
    "alias",
    metadata,
    Column("patient_token", Text, primary_key=True),
    Column("person_token", Text, nullable=False),
    Index(None, "person_token"),
    comment="Which person a merged token belongs to; a token that is its own person is not in it.",
)

reservation = Table(
    "reservation",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("patient_token", Text, nullable=False),
    Column("facility_id", Text, nullable=False),
    Column("unit_id", Text, nullable=False),
    Column("bed_id", Text),
    Column("since", UtcDateTime, nullable=False),
    Column("expected_at", UtcDateTime),
    Index(None, "facility_id", "unit_id"),
    comment="Places that pending admissions and transfers are to take; the subject is an encounter or a patient.",
)

bed_status = Table(
    "bed_status",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("unit_id", Text, primary_key=True),
    Column("bed_id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("reason", Text),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("digest", BigInteger, nullable=False, server_default="0"),
    info={"order": ("since", "recorded_at", "source", "event_id", "digest")},
    comment="The latest word of housekeeping or the bed desk on each bed, and the fact it comes from.",
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _serial, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", LargeBinary),
    comment="Messages to publish, written in the transaction that caused them.",
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("digest", BigInteger, primary_key=True),
    Column("received_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", LargeBinary),
    Column("settled_at", UtcDateTime),
    Column("settled_by", Text),
    comment="Records that are no facts, byte for byte, each once however often it was delivered.",
)

watermark = Table(
    "watermark",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("heads", LargeBinary, nullable=False),
    Column("caught_up", Boolean, nullable=False),
    Column("samples", LargeBinary),
    Column("sent_at", UtcDateTime),
    Column("checked_at", UtcDateTime),
    comment="The latest event times seen in each partition, and whether nothing was left to read in it.",
)

board_clock = Table(
    "board_clock",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("wall", UtcDateTime, nullable=False),
    Column("pace", Float, nullable=False),
    Column("behind", Boolean, nullable=False),
    comment="The board's time at a moment of the wall clock, and how it goes on: it never goes back.",
)

feed_hour = Table(
    "feed_hour",
    metadata,
    Column("hour", UtcDateTime, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("facts", Integer, nullable=False),
    comment="New facts by the hour in which they were recorded: how long a silence is likely.",
)

score = Table(
    "score",
    metadata,
    Column("encounter_id", Text, primary_key=True),
    Column("moment", Text, primary_key=True),
    Column("as_of", UtcDateTime, primary_key=True),
    Column("patient_token", Text, nullable=False),
    Column("batch_risk", Float, nullable=False),
    Column("online_risk", Float, nullable=False),
    Column("readmission_risk", Float, nullable=False),
    Column("batch_model", Text, nullable=False),
    Column("online_version", Integer, nullable=False),
    Column("features", LargeBinary, nullable=False),
    Column("reasons", LargeBinary, nullable=False),
    Column("bedside", LargeBinary),
    comment="Risk as issued, with the features and the bedside scores (JSON) as they were then. Never changed.",
)

label = Table(
    "label",
    metadata,
    Column("encounter_id", Text, primary_key=True),
    Column("patient_token", Text, nullable=False),
    Column("discharged_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("released_at", UtcDateTime),
    Column("readmitted_30d", Boolean),
    Column("prequential_risk", Float),
    Column("readmission_encounter_id", Text),
    Index(None, "released_at", "due_at"),
    Index(None, "patient_token"),
    comment="Index stays waiting for day 30 plus the lateness, then with their outcome.",
)

code_sets = Table(
    "code_sets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("imported_at", UtcDateTime, nullable=False),
    Column("origin", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    comment="CCS maps and CMS lists as imported: models.labels.code_sets.CodeSets as compressed JSON.",
)

batch_model = Table(
    "batch_model",
    metadata,
    Column("name", Text, primary_key=True),
    Column("trained_at", UtcDateTime, nullable=False),
    Column("risk_threshold", Float, nullable=False),
    Column("report", LargeBinary, nullable=False),
    Column("artifact", LargeBinary, nullable=False),
    comment="Trained scikit-learn pipelines as skops files; the latest by trained_at is in use.",
)

online_model = Table(
    "online_model",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("learnt", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
    comment="The River model's state, saved in the transaction that released what it learnt from.",
)

alert = Table(
    "alert",
    metadata,
    Column("encounter_id", Text, primary_key=True),
    Column("patient_token", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("band", Text, nullable=False),
    Column("readmission_risk", Float, nullable=False),
    Column("reasons", LargeBinary, nullable=False),
    Column("moment", Text, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", Text),
    Column("version", Integer, nullable=False),
    Index(None, "status", "readmission_risk"),
    comment="At most one open alert an encounter.",
)

unit_capacity = Table(
    "unit_capacity",
    metadata,
    Column("facility_id", Text, primary_key=True),
    Column("unit_id", Text, primary_key=True),
    Column("as_of", UtcDateTime, nullable=False),
    Column("metrics", LargeBinary, nullable=False),
    comment="The latest schemas.topics.CapacityMetrics of each unit, as JSON.",
)

finding = Table(
    "finding",
    metadata,
    Column("part", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("says", Text, primary_key=True),
    Column("since", UtcDateTime),
    Column("facility_id", Text),
    Column("unit_id", Text),
    Column("bed_id", Text),
    comment="What a person must look at, as last found; `part` says which look found it.",
)

finding_look = Table(
    "finding_look",
    metadata,
    Column("part", Text, primary_key=True),
    Column("looked_at", UtcDateTime, nullable=False),
    Column("event_time", UtcDateTime),
    comment="When each part of the list of findings was last looked at, by the clock on the wall, and up to when.",
)

finding_seen = Table(
    "finding_seen",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("says", Text, primary_key=True),
    Column("since", UtcDateTime),
    Column("seen_at", UtcDateTime),
    Column("seen_by", Text, nullable=False),
    Column("version", Integer, nullable=False),
    comment="Who marked a finding as seen, and when. The mark counts while the finding's `since` is the same.",
)

training = Table(
    "training",
    metadata,
    Column("name", Text, primary_key=True),
    Column("started_at", UtcDateTime),
    Column("took_s", Float),
    comment="Since when a model is being trained (NULL: it is not), and how long the last training took.",
)

midnight = Table(
    "midnight",
    metadata,
    Column("name", Text, primary_key=True),
    Column("scored_until", UtcDateTime, nullable=False),
    comment="Up to which midnight all patients in a bed have been scored.",
)
