"""Results of ORU^R01 (OBR, OBX): a fact for each result whose code is read; the others are passed over."""

from __future__ import annotations

import hashlib
from datetime import datetime

from schemas.events import MAX_NAME, AnyFact, ObservationDetails, ObservationReported, ObservationStatus
from streams.ingest.hl7.facts import make_fact, suffix_of
from streams.ingest.hl7.fields import FieldReader, checked_text
from streams.ingest.hl7.patient_ids import token_of
from streams.ingest.hl7.visit_numbers import required_visit
from streams.ingest.measurements import Measurement, in_unit_of_facts, read_number

FIELDS: tuple[tuple[str, int], ...] = (
    *(("OBR", number) for number in (2, 3, 7)),
    *(("OBX", number) for number in (2, 3, 4, 5, 6, 11, 14)),
)
"""Parsed in ORU alone: in an ADT message a result costs nothing."""

STATUSES: dict[str, ObservationStatus | None] = {
    "": ObservationStatus.FINAL,
    "F": ObservationStatus.FINAL,
    "A": ObservationStatus.FINAL,
    "B": ObservationStatus.FINAL,
    "V": ObservationStatus.FINAL,
    "U": ObservationStatus.FINAL,
    "C": ObservationStatus.CORRECTED,
    "P": ObservationStatus.PRELIMINARY,
    "R": ObservationStatus.PRELIMINARY,
    "S": ObservationStatus.PRELIMINARY,
    "X": ObservationStatus.CANCELLED,
    "W": ObservationStatus.CANCELLED,
    "D": ObservationStatus.CANCELLED,
    "I": None,
    "N": None,
    "O": None,
}
"""HL7 table 0085; None: no result yet, or none was asked for. W was posted for the wrong patient, D is deleted."""


def observations(reader: FieldReader) -> list[AnyFact]:
    """Return the facts of an ORU^R01: none where no code of it is read.

    Raises
    ------
    InvalidInput
        Where a result is read and the message has no patient or no visit number.
    """
    found: list[tuple[FieldReader, int, str]] = []
    for order in reader.by_order():
        for nth in range(order.message.count("OBX")):
            code = _code(order, nth)
            if code is not None and order.message.get("OBX", 11, nth=nth).upper() not in _WITHOUT_RESULT:
                found.append((order, nth, code))
    return [_fact(order, nth, code, index, many=len(found) > 1) for index, (order, nth, code) in enumerate(found)]


_WITHOUT_RESULT = frozenset(code for code, status in STATUSES.items() if status is None)


def _code(reader: FieldReader, nth: int) -> str | None:
    """Return the LOINC code of OBX-3: of the identifier, or of the alternate identifier."""
    message = reader.message
    for identifier, system in ((1, 3), (4, 6)):
        code = message.get("OBX", 3, identifier, nth=nth)
        found = reader.mapping.codes.loinc(code, message.get("OBX", 3, system, nth=nth)) if code else None
        if found is not None:
            return found
    return None


def _fact(reader: FieldReader, nth: int, code: str, index: int, *, many: bool) -> AnyFact:
    own = reader.alone()  # each result names its own unreadable fields
    status = STATUSES.get(own.message.get("OBX", 11, nth=nth).upper(), ObservationStatus.FINAL)
    assert status is not None
    measured = None if status is ObservationStatus.CANCELLED else _measured(own, nth, code)
    at = _observed_at(own, nth)
    data = ObservationDetails(
        code=code,
        value=measured.value if measured else None,
        unit=measured.unit if measured else None,
        comparator=measured.comparator if measured else None,
        status=status,
        result=_result(own, nth, code, at),
    )
    kind, suffix = ObservationReported, suffix_of(index, many=many)
    return make_fact(own, kind, required_visit(own), token_of(own), at, data, suffix)


def _measured(reader: FieldReader, nth: int, code: str) -> Measurement | None:
    """Return OBX-5 in the unit of facts; None where it is empty, or not valid (see `unreadable`)."""
    message = reader.message
    is_structured = message.get("OBX", 2, nth=nth).upper() == "SN"
    text = message.get("OBX", 5, nth=nth)
    if is_structured:
        text += message.get("OBX", 5, 2, nth=nth)
        if message.get("OBX", 5, 3, nth=nth):  # a range or a ratio
            reader.note_unreadable("OBX-5")
            return None
    if not text:
        return None
    number = read_number(text)
    if number is None:
        reader.note_unreadable("OBX-5")
        return None
    unit = checked_text("OBX-6", message.get("OBX", 6, nth=nth)) or reader.mapping.codes.units.get(code)
    measured = in_unit_of_facts(code, Measurement(number[0], unit, number[1]))
    if measured is None:
        reader.note_unreadable("OBX-6")
    return measured


def _observed_at(reader: FieldReader, nth: int) -> datetime:
    """Return the time of the specimen: OBX-14, else OBR-7, else when it was recorded; never after that."""
    for segment, number, position in (("OBX", 14, nth), ("OBR", 7, 0)):
        written = reader.moment(segment, number, position)
        if written is not None and written.has_hour and written.at <= reader.recorded_at:
            return written.at
    return reader.recorded_at


def _result(reader: FieldReader, nth: int, code: str, at: datetime) -> str:
    """Return the name of a result at its source: order, code and OBX-4; without an order's number, its time."""
    message = reader.message
    order = next((found for field in (3, 2) if (found := message.get("OBR", field))), at.isoformat())
    name = "/".join((order, code, message.get("OBX", 4, nth=nth)))
    return name if len(name) <= MAX_NAME else hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
