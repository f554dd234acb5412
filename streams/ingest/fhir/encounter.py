"""One FHIR Encounter, parsed and checked: every field that becomes part of a fact.

`streams.ingest.fhir.facts` makes the facts. An Encounter is a snapshot: each version repeats all that is known of the
stay.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.errors import InvalidInput
from schemas.events import AdmissionType, Diagnosis, PatientClass, Sex, is_reserved
from streams.ingest.fhir import admission
from streams.ingest.fhir.class_history import ClassHistory
from streams.ingest.fhir.context import ReadingContext
from streams.ingest.fhir.diagnoses import diagnoses
from streams.ingest.fhir.json_values import Json, identifier, name, part, require_short_lists
from streams.ingest.fhir.locations import Locations
from streams.ingest.fhir.mapping import SEXES, STATUSES, FhirOptions, Phase
from streams.ingest.fhir.moves import CLOCKS_DIFFER, Entry, Moves, entries_of, moves, starts
from streams.ingest.fhir.patient import died_by, token_of
from streams.ingest.fhir.periods import Period, period_of
from streams.ingest.fhir.related import RelatedResources
from streams.ingest.fhir.status_history import StatusHistory
from streams.ingest.fhir.times import When, optional
from streams.ingest.fhir.versions import Version, recorded_at, version_of

LISTS = (
    "identifier",
    "class",
    "classHistory",
    "serviceType",
    "priority",
    "hospitalization",
    "admission",
    "subject",
    "location",
    "diagnosis",
    "statusHistory",
    "contained",
    "partOf",
)
"""Fields that hold lists which are read, and so must be short."""


class StayDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of an Encounter that a void stay does not need."""

    ended_at: datetime | None
    """Of an ended stay."""
    planned_start: When | None
    """Encounter.plannedStartDate, of a planned stay."""
    planned_end: When | None
    """Encounter.plannedEndDate, of a stay that has not ended."""
    service: str | None
    disposition: str | None
    """UB-04 patient status, of an ended stay."""
    admission_diagnoses: tuple[Diagnosis, ...]
    other_diagnoses: tuple[Diagnosis, ...]


class ParsedEncounter(msgspec.Struct, frozen=True, kw_only=True):
    """An Encounter with every field read and checked."""

    encounter_id: str
    patient_token: str
    status: str
    phase: Phase
    version: Version
    recorded_at: datetime
    period: Period
    began_at: datetime | None
    """When the stay began; of a stay that began or ended it is never None."""
    late_start: datetime | None
    """The start of a stay that goes on where it is after the record: mostly local time written as UTC."""
    class_history: ClassHistory
    status_history: StatusHistory
    moves: Moves
    admission_type: AdmissionType | None
    birth_date: str | None
    """YYYYMMDD; only ages go further."""
    sex: Sex | None
    details: StayDetails | None
    """None of a void stay."""

    def is_to_come(self, at: datetime) -> bool:
        """Return whether a time was in the future when the version was recorded."""
        return at > self.recorded_at + CLOCKS_DIFFER


def parse_encounter(encounter: Json, context: ReadingContext, address: object = None) -> ParsedEncounter:
    """Read and check an Encounter.

    Parameters
    ----------
    encounter : dict
        The resource.
    context : ReadingContext
        The options, and the Bundle around it.
    address : object
        The fullUrl of its entry.

    Raises
    ------
    InvalidInput
        With the path within the Encounter.
    """
    require_short_lists(encounter, LISTS)
    options, zone = context.options, context.options.zone
    related = RelatedResources(encounter, context.resources, address)
    patient = related.find(encounter.get("subject"), "Patient")
    phase = phase_of(encounter)
    number = encounter_id(encounter, options)
    token = token_of(encounter.get("subject"), patient, related, options, context.pseudonym_key)
    period = period_of(encounter, zone, phase, context.ignored)
    entries = entries_of(encounter, zone, context.ignored)
    status_history = StatusHistory(encounter, zone, context.ignored)
    class_history = ClassHistory(encounter, options.classes, zone, context.ignored)
    recorded = recorded_at(encounter, context)
    version = version_of(encounter, number, phase, context)
    known_starts = [*starts(entries), *status_history.starts_here(), *class_history.starts()]
    if phase is Phase.HERE and class_history.now is PatientClass.PREADMIT:
        phase = Phase.PLANNED
    began_at, late_start = _beginning(phase, period, known_starts, recorded)
    moved = _moves(encounter, related, options, entries, begins=began_at, until=recorded, phase=phase)
    return ParsedEncounter(
        encounter_id=number,
        patient_token=token,
        status=encounter["status"],
        phase=phase,
        version=version,
        recorded_at=recorded,
        period=period,
        began_at=began_at,
        late_start=late_start,
        class_history=class_history,
        status_history=status_history,
        moves=moved,
        admission_type=admission.admission_type(encounter),
        birth_date=_birth_date(patient),
        sex=_sex(patient),
        details=_details(encounter, related, context, patient, phase, period, began_at, recorded, moved),
    )


def phase_of(encounter: Json) -> Phase:
    """Return the phase of an Encounter; raise InvalidInput where its status is missing or unsupported."""
    status = encounter.get("status")
    phase = STATUSES.get(status) if isinstance(status, str) else None
    if phase is None:
        raise InvalidInput("status", "missing or unsupported. Send an R4 or R5 status other than `unknown`.")
    return phase


def encounter_id(encounter: Json, options: FhirOptions) -> str:
    """Return the visit number; raise InvalidInput where it is missing or reserved."""
    found = identifier(encounter.get("identifier"), options.visit_identifier_types)
    if found is None:
        where, number = "id", name(encounter.get("id"), "id")
    else:
        where = f"identifier[{found[0]}].value"
        number = name(found[1]["value"], where)
    if number is None:
        raise InvalidInput("identifier", "missing, and so is id, so the visit is unknown. Fill one of them.")
    if is_reserved(number):
        raise InvalidInput(where, "has a reserved prefix (bed:, part: or patient:). Send another visit number.")
    return number


def _beginning(
    phase: Phase, period: Period, known_starts: list[When], recorded: datetime
) -> tuple[datetime | None, datetime | None]:
    """Return when the stay began, and the start that was written where it is after the record."""
    began_at = period.beginning(known_starts)
    limit = recorded + CLOCKS_DIFFER
    if phase not in (Phase.HERE, Phase.ON_LEAVE) or began_at is None or began_at <= limit:
        return began_at, None
    return min((start.at for start in known_starts if start.at <= limit), default=began_at), began_at


def _moves(
    encounter: Json,
    related: RelatedResources,
    options: FhirOptions,
    entries: list[Entry],
    *,
    begins: datetime | None,
    until: datetime,
    phase: Phase,
) -> Moves:
    locate = Locations(encounter, related, options).location
    return moves(entries, locate, begins=begins, until=until, over=phase is Phase.ENDED)


def _details(
    encounter: Json,
    related: RelatedResources,
    context: ReadingContext,
    patient: Json | None,
    phase: Phase,
    period: Period,
    began_at: datetime | None,
    recorded: datetime,
    moved: Moves,
) -> StayDetails | None:
    if phase is Phase.VOID:
        return None
    options, ignored = context.options, context.ignored
    if began_at is None and phase is not Phase.PLANNED:
        raise InvalidInput(f"{period.field}.start", "missing. A stay that has begun needs it.")
    ended_at = planned_start = planned_end = disposition = None
    if phase is Phase.ENDED:
        assert began_at is not None
        ended_at = period.ending(began_at, recorded, (since for since, _ in moved.timed))
    if phase is Phase.PLANNED:
        planned_start = optional(encounter.get("plannedStartDate"), "plannedStartDate", options.zone, ignored)
    if phase is not Phase.ENDED:
        planned_end = optional(encounter.get("plannedEndDate"), "plannedEndDate", options.zone, ignored)
    service = admission.service(encounter)
    if phase is Phase.ENDED:
        assert ended_at is not None
        died = died_by(patient, ended_at, options.zone, ignored)
        disposition = admission.disposition(encounter, options, died=died)
    return StayDetails(
        ended_at=ended_at,
        planned_start=planned_start,
        planned_end=planned_end,
        service=service,
        disposition=disposition,
        admission_diagnoses=diagnoses(encounter, related, admission=True),
        other_diagnoses=diagnoses(encounter, related, admission=False),
    )


def _birth_date(patient: Json | None) -> str | None:
    birth_date = part(patient, "birthDate")
    return birth_date.replace("-", "") if isinstance(birth_date, str) else None


def _sex(patient: Json | None) -> Sex | None:
    gender = part(patient, "gender")
    return SEXES.get(gender) if isinstance(gender, str) else None
