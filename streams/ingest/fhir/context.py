"""Context of a resource that is read: the feed's options, its Bundle, and when it was received."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.resources import Resources
from streams.ingest.reading import InputProblem


class ReadingContext(NamedTuple):
    """Options of the feed, and the Bundle around a resource."""

    options: FhirOptions
    pseudonym_key: bytes
    received_at: datetime
    """Aware UTC."""
    resources: Resources
    """Of the Bundle; empty where the resource came alone."""
    ignored: list[InputProblem]
    """Collects the invalid times that matter little: the Encounter is read without them."""
    sent_at: datetime | None = None
    """Bundle.timestamp."""
