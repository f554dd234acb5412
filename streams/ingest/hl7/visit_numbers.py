"""The visit number of an ADT message, in the field that the mapping names, with the authority that assigned it.

Number 1001 of two hospitals is two visits. Where the number has an authority, the visit's id is both as HL7 writes
them: `1001^^^NORTH`. Without one the id is the number alone.
"""

from __future__ import annotations

from typing import TypeVar

from schemas.errors import InvalidInput
from schemas.events import is_reserved
from streams.ingest.hl7.fields import FieldReader, checked_text
from streams.ingest.hl7.locations import facility_of
from streams.ingest.hl7.mapping import VisitNumberScope

V = TypeVar("V", str, str | None)


def visit_field(reader: FieldReader) -> str | None:
    """Return the first field of the mapping's `visit_number` that is filled, such as PV1-19."""
    return next((place for place in reader.mapping.visit_number if reader.message.place(place)), None)


def visit_number(reader: FieldReader) -> str | None:
    """Return the visit number with its authority, or None where all its fields are empty."""
    place = visit_field(reader)
    return None if place is None else _scoped(place, reader.message.place(place), _scope(reader, place))


def former_number(reader: FieldReader, field: int) -> str | None:
    """Return the former number of the visit in a field of MRG, or None where it is empty.

    Its authority is in the fourth component; without one it is that of the number that remains.

    Raises
    ------
    InvalidInput
        When the field has several numbers: one of them would be lost.
    """
    if len({number for number in reader.message.repetitions("MRG", field) if number}) > 1:
        raise InvalidInput(f"MRG-{field}", "several former numbers. Send a message, or an MRG segment, for each.")
    number = reader.message.get("MRG", field)
    own = _authority(reader, f"MRG-{field}") if reader.mapping.visit_number_scope is VisitNumberScope.AUTHORITY else ""
    return checked_visit(reader, _scoped(f"MRG-{field}", number, own or _scope(reader, visit_field(reader))))


def _scope(reader: FieldReader, place: str | None) -> str:
    """Return the authority or the facility within which the visit number is unique; empty where it is so by itself."""
    scope = reader.mapping.visit_number_scope
    if scope is VisitNumberScope.FACILITY:
        return facility_of(reader, "PV1", 3)
    return _authority(reader, place) if place is not None and scope is VisitNumberScope.AUTHORITY else ""


def _authority(reader: FieldReader, place: str) -> str:
    """Return the authority of the number in a field: its name, else its OID; a component alone has none."""
    segment, _, field = place.partition("-")
    if "." in field:
        return ""
    return next((found for part in (1, 2) if (found := reader.message.get(segment, int(field), 4, part))), "")


def _scoped(where: str, number: str, scope: str) -> str | None:
    return checked_text(where, f"{number}^^^{scope}" if number and scope else number)


def required_visit(reader: FieldReader) -> str:
    """Return the visit number, for triggers that need one.

    Raises
    ------
    InvalidInput
        When it is missing, or reserved.
    """
    found = visit_number(reader)
    if found is None:
        raise InvalidInput(all_fields(reader), "no visit number. Fill one, or set visit_number in the HL7 mapping.")
    return checked_visit(reader, found)


def checked_visit(reader: FieldReader, number: V) -> V:
    """Return a visit number, unless its prefix is reserved for the subjects of beds, parts and patients.

    Raises
    ------
    InvalidInput
        When it is reserved.
    """
    if number is not None and is_reserved(number):
        raise InvalidInput(
            visit_field(reader) or all_fields(reader),
            "the visit number has a reserved prefix (bed: or patient:), or that of a part of a stay (part:). Set "
            "visit_number to another field in the HL7 mapping.",
        )
    return number


def all_fields(reader: FieldReader) -> str:
    """Return the fields of the mapping's `visit_number`, for an error."""
    return ", ".join(reader.mapping.visit_number)
