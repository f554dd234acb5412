"""The visit number of an ADT message, in the field that the mapping names."""

from __future__ import annotations

from typing import TypeVar

from schemas.errors import InvalidInput
from schemas.events import is_reserved
from streams.ingest.hl7.fields import FieldReader, checked_text

V = TypeVar("V", str, str | None)


def visit_field(reader: FieldReader) -> str | None:
    """Return the first field of the mapping's `visit_number` that is filled, such as PV1-19."""
    return next((place for place in reader.mapping.visit_number if reader.message.place(place)), None)


def visit_number(reader: FieldReader) -> str | None:
    """Return the visit number, or None where all its fields are empty."""
    place = visit_field(reader)
    return None if place is None else checked_text(place, reader.message.place(place))


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
