"""An Encounter that is part of a stay: one fact with all that this version says.

A part puts the patient in places. It never begins or ends the stay, so its class, its status history and its discharge
are not read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

import msgspec

from schemas.errors import InvalidInput
from schemas.events import (
    AnyFact,
    EncounterPartReported,
    PartDetails,
    Placement,
    encode_fact,
    is_reserved,
    part_subject,
)
from schemas.outgoing import MAX_BYTES
from streams.ingest.fhir import admission
from streams.ingest.fhir.context import ReadingContext
from streams.ingest.fhir.diagnoses import diagnoses
from streams.ingest.fhir.encounter import LISTS, phase_of
from streams.ingest.fhir.json_values import MAX_NAME, Json, items, require_short_lists, text
from streams.ingest.fhir.locations import Locations
from streams.ingest.fhir.mapping import Phase
from streams.ingest.fhir.moves import CLOCKS_DIFFER, Entry, Moves, entries_of, moves
from streams.ingest.fhir.part_of import resource_label, whole_of
from streams.ingest.fhir.patient import token_of
from streams.ingest.fhir.periods import Period, period_of
from streams.ingest.fhir.related import RelatedResources
from streams.ingest.fhir.versions import recorded_at, version_of
from streams.ingest.reading import require_valid


def read_part(encounter: Json, context: ReadingContext, address: object = None) -> tuple[AnyFact, ...]:
    """Return the fact of an Encounter with a partOf; parameters and errors are those of `encounter.parse_encounter`."""
    require_short_lists(encounter, LISTS)
    options, zone = context.options, context.options.zone
    related = RelatedResources(encounter, context.resources, address)
    phase = phase_of(encounter)
    label = resource_label(encounter, address, options)
    if label is None:
        raise InvalidInput("id", "missing, and so is identifier, so the part has no name. Fill one of them.")
    subject = part_subject(options.source, label)
    whole = whole_of(encounter, subject, related, options)
    patient = _subject(encounter, related)
    token = token_of(patient, related.find(patient, "Patient"), related, options, context.pseudonym_key)
    recorded = recorded_at(encounter, context)
    version = version_of(encounter, label, phase, context)
    data = PartDetails(
        part_of=whole,
        numbers=tuple(number for number in _numbers(encounter) if number != whole),
        void=phase is Phase.VOID,
        version_of=label,
        version=version.name,
        version_digest=version.digest,
    )
    at = recorded
    if phase is not Phase.VOID:
        period = period_of(encounter, zone, Phase.PLANNED, context.ignored)  # none of its times is the stay's own
        entries = entries_of(encounter, zone, context.ignored)
        begins = period.start.at if period.start is not None else None
        locate = Locations(encounter, related, options).location
        found = moves(entries, locate, begins=begins, until=recorded, over=phase is Phase.ENDED)
        placements = () if phase is Phase.PLANNED else tuple(_placements(found, entries, period, phase, recorded))
        data = msgspec.structs.replace(
            data,
            placements=placements,
            service=admission.service(encounter),
            diagnoses=diagnoses(encounter, related, admission=True) + diagnoses(encounter, related, admission=False),
            **_plan(found, period, phase),
        )
        times = [time for place in placements for time in (place.since, place.until) if time is not None]
        at = max((time for time in times if time <= recorded), default=recorded)
    return (_fact(options.source, subject, token, at, recorded, data, version.label),)


def _subject(encounter: Json, related: RelatedResources) -> object:
    """Return the patient of a part; where it names none, that of its whole in the Bundle."""
    subject = encounter.get("subject")
    if subject is not None:
        return subject
    whole = related.find(encounter["partOf"], "Encounter")
    return None if whole is None else whole.get("subject")


def _numbers(encounter: Json) -> Iterator[str]:
    for _, item in items(encounter.get("identifier"))[:10]:
        value = text(item.get("value"))
        if value is not None and len(value) <= MAX_NAME and not is_reserved(value):
            yield value


def _placements(
    found: Moves, entries: list[Entry], period: Period, phase: Phase, recorded: datetime
) -> Iterator[Placement]:
    """Yield the places of a part that has begun; each ends where the next one begins, the last one with the part."""
    ends = _end(entries, period, phase, recorded)
    latest = None if phase is Phase.ENDED else recorded + CLOCKS_DIFFER
    places = [(recorded if latest is not None and since > latest else since, place) for since, place in found.timed]
    if found.untimed is not None and (not places or phase is not Phase.ENDED):
        since = recorded if places or period.start is None else period.start.at
        places.append((recorded if latest is not None and since > latest else since, found.untimed))
    for index, (since, place) in enumerate(places):
        until = places[index + 1][0] if index + 1 < len(places) else ends
        yield Placement(location=place, since=since, until=until)


def _end(entries: list[Entry], period: Period, phase: Phase, recorded: datetime) -> datetime | None:
    """Return when the patient left the last place: at the end of the part, or of all its places."""
    if phase is Phase.ENDED:
        if period.end is None:
            return recorded
        return min(period.end.until, recorded) if period.end.is_day else period.end.at
    been = [entry for entry in entries if not entry.is_reserved]
    ends = [entry.end.until for entry in been if entry.end is not None]
    return max(ends) if ends and all(entry.was_left(recorded) for entry in been) else None


def _plan(found: Moves, period: Period, phase: Phase) -> dict[str, object]:
    """Return the place to which the patient has not come yet, and when it is expected."""
    expected, place = found.planned or (None, None)
    if phase is Phase.PLANNED:
        if place is None:
            place = found.timed[0][1] if found.timed else found.untimed
        expected = period.start.at if period.start is not None else expected
    return {"planned": place, "expected_at": expected if place is not None else None}


def _fact(
    source: str, subject: str, token: str, at: datetime, recorded: datetime, data: PartDetails, label: str
) -> AnyFact:
    fact = EncounterPartReported(
        id="-", source=source, subject=subject, occurred_at=at, recorded_at=recorded, partition_key=token, data=data
    )
    content = hashlib.blake2b(encode_fact(fact), digest_size=8).hexdigest()
    raw = msgspec.structs.replace(fact, id=f"{data.version_of}/{label}/part/{content}")
    if len(encode_fact(raw)) > MAX_BYTES:
        raise InvalidInput("location", f"the fact would be larger than {MAX_BYTES} bytes. Send fewer entries.")
    return require_valid(raw, "status")
