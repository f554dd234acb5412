"""The patient of an ADT message: number, assigning authority, and the token made of both."""

from __future__ import annotations

from typing import NamedTuple

from schemas.errors import InvalidInput
from schemas.pseudonyms import patient_token
from streams.ingest.hl7.fields import FieldReader


class PatientId(NamedTuple):
    """A patient's number and the authority that assigned it, which may be empty."""

    number: str
    authority: str


def patient_id(reader: FieldReader) -> PatientId:
    """Return the preferred number of PID-3, else of PID-2.

    Raises
    ------
    InvalidInput
        When both are empty.
    """
    return _preferred(reader, "PID", 3, 0)


def merged_id(reader: FieldReader, nth: int, into: PatientId) -> PatientId:
    """Return the number of an MRG segment; without MRG-1.4 it has the authority of the number that remains."""
    found = _preferred(reader, "MRG", 1, nth)
    return found if found.authority else PatientId(found.number, into.authority)


def token_of(reader: FieldReader, known: PatientId | None = None) -> str:
    """Return the token of a number; of PID-3 where none is given."""
    number, authority = known or patient_id(reader)
    return patient_token(reader.pseudonym_key, authority or reader.mapping.default_authority, number)


def _preferred(reader: FieldReader, segment: str, number: int, nth: int) -> PatientId:
    message = reader.message
    numbers = list(message.repetitions(segment, number, nth=nth))
    types = [kind.upper() for kind in message.repetitions(segment, number, 5, nth=nth)]
    for preferred in (*reader.mapping.preferred_identifier_types, None):
        for index, (value, kind) in enumerate(zip(numbers, types, strict=True)):
            if value and (preferred is None or preferred.upper() == kind):
                return PatientId(value, _authority(reader, segment, number, nth, index))
    if segment == "PID" and number == 3 and message.get("PID", 2):
        return _preferred(reader, "PID", 2, nth)
    raise InvalidInput(f"{segment}-{number}", "empty, so the patient is unknown. Fill it at the sender.")


def _authority(reader: FieldReader, segment: str, number: int, nth: int, index: int) -> str:
    """Return the authority's name (CX.4.1), else its OID (CX.4.2), else an empty text."""
    for subcomponent in (1, 2):
        found = list(reader.message.repetitions(segment, number, 4, subcomponent, nth=nth))[index]
        if found:
            return found
    return ""
