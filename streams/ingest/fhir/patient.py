"""Whose stay it is: the patient's token, made of a number, or else of where the Patient is kept."""

from __future__ import annotations

from schemas.pseudonyms import patient_token
from streams.ingest.fhir.json_values import Json, Refused, identifier, part, text
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.references import Target, same_server, searched, target
from streams.ingest.fhir.resources import RelatedResources


def token_of(subject: object, patient: Json | None, company: RelatedResources, options: FhirOptions, key: bytes) -> str:
    """Return the token of an Encounter's patient.

    Parameters
    ----------
    subject : object
        Encounter.subject.
    patient : dict or None
        The Patient that it names, if that came along.
    company : Company
        What else came along.
    options : FhirOptions
        Of the feed.
    key : bytes
        Of the pseudonyms.

    Raises
    ------
    Refused
        When nobody can know who it is. What is contained has no name outside its Encounter: two that are both called
        `#patient` are two people.
    """
    written = text(part(subject, "reference"))
    named = target(written)
    asked = searched(written, "subject.reference")
    if named is not None:
        _require_patient(named, is_search=asked is not None)
    types = options.patient_identifier_types
    said = identifier(part(subject, "identifier"), types)
    number = said[1] if said is not None else asked
    if number is None and patient is not None:
        own = company.number_of(patient, types)
        number = own[1] if own is not None else None
    if number is not None:
        system = text(number.get("system")) or ""
        authority = options.authorities.get(system, system) or options.default_authority
        return patient_token(key, authority, number["value"].strip())
    if named is None:
        raise Refused("subject", "names no patient; fill subject.identifier or subject.reference.")
    if named.written.startswith("#"):
        lacks = "that is not there" if patient is None else "without an identifier"
        remedy = f"names a contained Patient {lacks}, so nobody can know who it is; give the Patient an identifier."
        raise Refused("subject.reference", remedy)
    return patient_token(key, f"{options.source}:{_kept_at(named, options)}Patient", named.logical_id)


def _require_patient(named: Target, *, is_search: bool) -> None:
    kind = named.written.partition("?")[0].rpartition("/")[2] if is_search else named.kind
    if kind not in (None, "Patient"):
        raise Refused("subject.reference", "is no Patient; a stay is one patient's.")
    if kind is None and named.logical_id == "Patient":
        raise Refused("subject.reference", "names no patient; the id after Patient/ is missing.")


def _kept_at(named: Target, options: FhirOptions) -> str:
    """Return the server that a whole address names: number 1 of two servers is two people.

    A relative reference is at the feed's own server, whatever a fullUrl says: the same server sends it in a Bundle and
    alone, and it must be one patient.
    """
    if named.base is None or named.base == same_server(options.base_url):
        return ""
    return f"{named.base}/"
