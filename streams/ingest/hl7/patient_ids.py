"""The patient of an ADT message: numbers, assigning authorities, and the token made of the preferred one.

PID-3 may hold the numbers of several authorities, in an order that means nothing. The mapping chooses one of them by
authority and type; the others of these types are further numbers of the same person.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from schemas.errors import InvalidInput
from schemas.pseudonyms import patient_token
from streams.ingest.hl7.fields import FieldReader

V = TypeVar("V")


class PatientId(NamedTuple):
    """A patient's number and the authority that assigned it, which may be empty."""

    number: str
    authority: str


class _Identifier(NamedTuple):
    """One repetition of PID-3, PID-2 or MRG-1."""

    id: PatientId
    type: str
    """In capitals; may be empty."""


def patient_id(reader: FieldReader) -> PatientId:
    """Return the preferred number of PID-3, else of PID-2.

    Raises
    ------
    InvalidInput
        When both are empty.
    """
    return patient_ids(reader)[0]


def patient_ids(reader: FieldReader) -> list[PatientId]:
    """Return all numbers of the patient in PID-3, else in PID-2, the preferred one first.

    Raises
    ------
    InvalidInput
        When both are empty.
    """
    found = _identifiers(reader, "PID", 3, 0) or _identifiers(reader, "PID", 2, 0)
    if not found:
        raise InvalidInput("PID-3", "empty, so the patient is unknown. Fill it at the sender.")
    return _of_patient(reader, found)


def merged_id(reader: FieldReader, nth: int, into: PatientId) -> PatientId:
    """Return the preferred number of an MRG segment; see `merged_ids`."""
    return merged_ids(reader, nth, into)[0]


def merged_ids(reader: FieldReader, nth: int, into: PatientId) -> list[PatientId]:
    """Return all patient numbers of an MRG segment, the preferred one first.

    A number without a type is one too. Without MRG-1.4 it has the authority of the number that remains.

    Raises
    ------
    InvalidInput
        When MRG-1 is empty.
    """
    found = _identifiers(reader, "MRG", 1, nth)
    if not found:
        raise InvalidInput("MRG-1", "empty, so the patient is unknown. Fill it at the sender.")
    numbers = [*_of_patient(reader, found), *(each.id for each in found if not each.type)]
    return list(dict.fromkeys(each if each.authority else PatientId(each.number, into.authority) for each in numbers))


def former_token(reader: FieldReader, into: PatientId) -> str | None:
    """Return the token of the first MRG-1; None where it is empty or one of the patient's own numbers in PID-3."""
    former = _identifiers(reader, "MRG", 1, 0)
    if not former:
        return None
    own = {each.id for each in _identifiers(reader, "PID", 3, 0)}
    numbers = {each.number for each in own}
    if any(each.id in own if each.id.authority else each.id.number in numbers for each in former):
        return None
    return token_of(reader, merged_id(reader, 0, into))


def token_of(reader: FieldReader, known: PatientId | None = None) -> str:
    """Return the token of a number; of the preferred one of PID-3 where none is given."""
    number, authority = known or patient_id(reader)
    return patient_token(reader.pseudonym_key, authority or reader.mapping.default_authority, number)


def _of_patient(reader: FieldReader, found: Sequence[_Identifier]) -> list[PatientId]:
    """Return the numbers that identify the patient, by the mapping's preference and never by their position.

    Those are the numbers of the preferred types. Where there are none, they are those without a type, and where every
    number has another type, the first one by authority, type and number.
    """
    mapping = reader.mapping
    types = [kind.upper() for kind in mapping.preferred_identifier_types]
    authorities = mapping.preferred_authorities

    def preference(each: _Identifier) -> tuple[int, int, str, str, str]:
        authority = each.id.authority or mapping.default_authority
        return (_rank(authorities, authority), _rank(types, each.type), authority, each.type, each.id.number)

    known = [each for each in found if each.type in types] or [each for each in found if not each.type]
    ordered = sorted(known or found, key=preference)
    return list(dict.fromkeys(each.id for each in (ordered if known else ordered[:1])))


def _rank(preferred: Sequence[V], value: V) -> int:
    return preferred.index(value) if value in preferred else len(preferred)


def _identifiers(reader: FieldReader, segment: str, number: int, nth: int) -> list[_Identifier]:
    message = reader.message
    types = message.repetitions(segment, number, 5, nth=nth)
    names, oids = (message.repetitions(segment, number, 4, part, nth=nth) for part in (1, 2))
    numbers = message.repetitions(segment, number, nth=nth)
    return [
        _Identifier(PatientId(value, name or oid), kind.upper())
        for value, name, oid, kind in zip(numbers, names, oids, types, strict=True)
        if value
    ]
