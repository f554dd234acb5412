"""Token of an Encounter's patient: made of the patient's number, else of the address of the Patient."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.errors import InvalidInput
from schemas.pseudonyms import patient_token
from streams.ingest.fhir.json_values import Json, identifier, part, text
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.moves import CLOCKS_DIFFER
from streams.ingest.fhir.references import Target, same_server, searched, target
from streams.ingest.fhir.related import RelatedResources
from streams.ingest.fhir.times import optional
from streams.ingest.reading import InputProblem


def token_of(subject: object, patient: Json | None, related: RelatedResources, options: FhirOptions, key: bytes) -> str:
    """Return the token of an Encounter's patient.

    Parameters
    ----------
    subject : object
        Encounter.subject.
    patient : dict or None
        The Patient to which it points, where it is contained or in the Bundle.
    related : RelatedResources
        Resources around the Encounter.
    options : FhirOptions
        Of the feed.
    key : bytes
        The pseudonym key.

    Raises
    ------
    InvalidInput
        When the patient is unknown. The id of a contained Patient does not count: it has no meaning outside its
        Encounter, and two that are both called `#patient` are two people.
    """
    written = text(part(subject, "reference"))
    named = target(written)
    asked = searched(written, "subject.reference")
    if named is not None:
        _require_patient(named, is_search=asked is not None)
    types = options.patient_identifier_types
    stated = identifier(part(subject, "identifier"), types)
    number = stated[1] if stated is not None else asked
    if number is None and patient is not None:
        own = related.number_of(patient, types)
        number = own[1] if own is not None else None
    if number is not None:
        system = text(number.get("system")) or ""
        authority = options.authorities.get(system, system) or options.default_authority
        return patient_token(key, authority, number["value"].strip())
    if named is None:
        raise InvalidInput("subject", "missing. Fill subject.identifier or subject.reference.")
    if named.written.startswith("#"):
        what = "a contained Patient that is missing" if patient is None else "a contained Patient without an identifier"
        raise InvalidInput(
            "subject.reference", f"{what}, so the patient is unknown. Give the contained Patient an identifier."
        )
    return patient_token(key, f"{options.source}:{_kept_at(named, options)}Patient", named.logical_id)


def died_by(patient: Json | None, ended_at: datetime, zone: ZoneInfo, ignored: list[InputProblem]) -> bool:
    """Return whether Patient.deceased[x] says that the patient died by the end of a stay.

    Parameters
    ----------
    patient : dict or None
        The Patient, where it is known.
    ended_at : datetime
        When the stay ended. A later death is that of a patient who had left.
    zone : ZoneInfo
        For times without an offset.
    ignored : list of InputProblem
        Gets an invalid time of death.
    """
    if part(patient, "deceasedBoolean") is True:
        return True
    died = optional(part(patient, "deceasedDateTime"), "subject.deceasedDateTime", zone, ignored)
    return died is not None and died.at <= ended_at + CLOCKS_DIFFER


def _require_patient(named: Target, *, is_search: bool) -> None:
    kind = named.written.partition("?")[0].rpartition("/")[2] if is_search else named.kind
    if kind not in (None, "Patient"):
        raise InvalidInput("subject.reference", "not a Patient. Name the patient of the stay.")
    if kind is None and named.logical_id == "Patient":
        raise InvalidInput("subject.reference", "without an id. Write Patient/ and the id of the patient.")


def _kept_at(named: Target, options: FhirOptions) -> str:
    """Return the server in an absolute reference: Patient 1 of two servers is two people.

    A relative reference belongs to the feed's own server, whatever a fullUrl says: the same server sends the Encounter
    in a Bundle and alone, and it must have one patient.
    """
    if named.base is None or named.base == same_server(options.base_url):
        return ""
    return f"{named.base}/"
