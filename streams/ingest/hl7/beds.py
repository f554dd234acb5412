"""Bed statuses from A20 messages: one for each NPU segment, or the reason why that bed has none."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.errors import InvalidInput
from schemas.events import AnyFact, BedDetails, BedStatusChanged, bed_subject
from streams.ingest.hl7.facts import make_fact, suffix_of
from streams.ingest.hl7.fields import FieldReader, checked_text
from streams.ingest.hl7.locations import location
from streams.ingest.hl7.mapping import BED_REASONS
from streams.ingest.reading import InputProblem, problem_of


def bed_statuses(reader: FieldReader) -> list[AnyFact | InputProblem]:
    """A20: a bed status, or a problem, for each NPU; a bed that cannot be read does not concern the others."""
    return list(_bed_statuses(reader))


def _bed_statuses(reader: FieldReader) -> Iterator[AnyFact | InputProblem]:
    count = reader.message.count("NPU")
    if not count:
        yield InputProblem("NPU", "missing. Send an NPU segment for each bed.")
    for nth in range(count):
        try:
            yield _bed_status(reader, nth, count > 1)
        except InvalidInput as error:
            problem = problem_of(error)
            yield problem._replace(where=f"NPU segment {nth + 1} of {count}, {problem.where}") if count > 1 else problem


def _bed_status(reader: FieldReader, nth: int, many: bool) -> AnyFact:
    place, code = location(reader, "NPU", 1, nth), reader.message.get("NPU", 2, nth=nth).upper()
    if place is None or place.bed_id is None:
        raise InvalidInput("NPU-1.3", "empty, so the bed is unknown. Fill it at the sender.")
    if not code:
        raise InvalidInput("NPU-2", "empty, so the status of the bed is unknown. Fill it at the sender.")
    status = reader.mapping.states_of_beds.get(code)
    if status is None:
        raise InvalidInput("NPU-2", "an unknown code. Add it to bed_statuses in the HL7 mapping.")
    subject = bed_subject(place)
    checked_text("NPU-1", subject)
    data = BedDetails(location=place, status=status, reason=BED_REASONS.get(code))
    at = reader.occurred_at()
    return make_fact(reader, BedStatusChanged, subject, subject, at, data, suffix_of(nth, many))
