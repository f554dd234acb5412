"""Version of an Encounter: its name, when it was recorded, and a digest of its content."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import NamedTuple

from streams.ingest.fhir.context import ReadingContext
from streams.ingest.fhir.json_values import Json, part, text
from streams.ingest.fhir.mapping import Phase
from streams.ingest.fhir.times import instant, latest, times_in

FIELDS_READ = (
    "status",
    "statusHistory",
    "class",
    "classHistory",
    "identifier",
    "subject",
    "period",
    "actualPeriod",
    "plannedStartDate",
    "plannedEndDate",
    "location",
    "serviceProvider",
    "serviceType",
    "priority",
    "hospitalization",
    "admission",
    "diagnosis",
    "contained",
    "partOf",
)
"""Fields of an Encounter that are read. With other content in them it is another version, whatever its versionId."""

MAX_LABEL = 64
"""Characters of a resource id or version within the id of a fact; a longer one is replaced by its digest."""


class Version(NamedTuple):
    """Version of an Encounter, as its facts carry it."""

    resource_id: str
    name: str | None
    """`meta.versionId`, else `meta.lastUpdated`, else None: a server never changes a version that it has named."""
    digest: str | None
    """Of the content of a named version: two digests under one name are a conflict."""
    label: str
    """The name, else a digest of the whole resource, for the ids of facts."""


def recorded_at(encounter: Json, context: ReadingContext) -> datetime:
    """Return when the version was written: `meta.lastUpdated`, else Bundle.timestamp, else its latest past time.

    Raises
    ------
    InvalidInput
        When `meta.lastUpdated` is not a valid time: it orders the versions.
    """
    zone = context.options.zone
    written = instant(part(encounter, "meta", "lastUpdated"), "meta.lastUpdated", zone)
    if written is not None:
        return written
    if context.sent_at is not None and context.sent_at <= context.received_at:
        return context.sent_at
    return latest(times_in(encounter, zone), context.received_at) or context.received_at


def version_of(encounter: Json, encounter_id: str, phase: Phase, context: ReadingContext) -> Version:
    """Return the version of an Encounter; without an id of its own the resource is named by the visit number."""
    name = _name(encounter, context)
    return Version(
        resource_id=short(text(encounter.get("id")) or encounter_id),
        name=name,
        digest=None if name is None else _content_digest(encounter, phase, context.pseudonym_key),
        label=name or _digest(_canonical(encounter)),
    )


def _name(encounter: Json, context: ReadingContext) -> str | None:
    version_id = text(part(encounter, "meta", "versionId"))
    if version_id is not None:
        return short(version_id)
    written = instant(part(encounter, "meta", "lastUpdated"), "meta.lastUpdated", context.options.zone)
    return None if written is None else written.isoformat()


def _content_digest(encounter: Json, phase: Phase, pseudonym_key: bytes) -> str:
    """Return a digest of the fields that are read; of the status alone where the stay is void."""
    fields = ("status",) if phase is Phase.VOID else FIELDS_READ
    content = _canonical({field: encounter[field] for field in fields if field in encounter})
    key = pseudonym_key[: hashlib.blake2b.MAX_KEY_SIZE]  # contained resources may hold names
    return hashlib.blake2b(content.encode(), digest_size=8, key=key).hexdigest()


def short(label: str) -> str:
    """Return a label of at most `MAX_LABEL` characters: a longer one is replaced by its digest."""
    return label if len(label) <= MAX_LABEL else _digest(label)


def _canonical(encounter: Json) -> str:
    try:
        return json.dumps(encounter, sort_keys=True)
    except (ValueError, TypeError, RecursionError):
        return ""


def _digest(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
