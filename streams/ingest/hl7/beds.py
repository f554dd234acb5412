"""Bed statuses from A20 messages: one for each NPU segment."""

from __future__ import annotations

from schemas.errors import InvalidInput
from schemas.events import AnyFact, BedDetails, BedStatusChanged, bed_subject
from streams.ingest.hl7.facts import make_fact, suffix_of
from streams.ingest.hl7.fields import FieldReader, checked_text
from streams.ingest.hl7.locations import location
from streams.ingest.hl7.mapping import BED_REASONS


def bed_statuses(reader: FieldReader) -> list[AnyFact]:
    """A20: a bed status for each NPU."""
    count = reader.message.count("NPU")
    return [_bed_status(reader, nth, count > 1) for nth in range(max(count, 1))]


def _bed_status(reader: FieldReader, nth: int, many: bool) -> AnyFact:
    place, code = location(reader, "NPU", 1, nth), reader.message.get("NPU", 2, nth=nth).upper()
    if place is None or place.bed_id is None:
        raise InvalidInput("NPU-1.3", "empty, so the bed is unknown. Fill it at the sender.")
    status = reader.mapping.states_of_beds.get(code)
    if status is None:
        raise InvalidInput("NPU-2", "missing or unknown. Add its code to bed_statuses in the HL7 mapping.")
    subject = bed_subject(place)
    checked_text("NPU-1", subject)
    data = BedDetails(location=place, status=status, reason=BED_REASONS.get(code))
    at = reader.occurred_at()
    return make_fact(reader, BedStatusChanged, subject, subject, at, data, suffix_of(nth, many))
