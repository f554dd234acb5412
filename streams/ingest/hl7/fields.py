"""What the fields of an ADT message mean, by the feed's mapping: times, people, visits, places and codes.

What a message says depends on its bytes and the mapping alone, never on when it came: the same message is the same
facts.
"""

from __future__ import annotations

import hashlib
from copy import copy
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from schemas.events import AnyFact, Diagnosis, Location, PatientClass, Procedure, Sex, encode_fact
from schemas.outgoing import MAX_BYTES
from schemas.pseudonyms import patient_token
from streams.ingest.ages import age_in_years
from streams.ingest.hl7.mapping import SEXES, BedNames, Hl7Mapping
from streams.ingest.hl7.message import Hl7Message, Rejected
from streams.ingest.hl7.times import Moment, read_moment

MAX_NAME = 200

CODE_SYSTEMS = {
    "I10": "ICD10CM",
    "I10C": "ICD10CM",
    "ICD10": "ICD10CM",
    "ICD-10": "ICD10CM",
    "ICD-10-CM": "ICD10CM",
    "I10P": "ICD10PCS",
    "ICD-10-PCS": "ICD10PCS",
    "I9": "ICD9CM",
    "I9C": "ICD9CM",
    "I9CDX": "ICD9CM",
    "ICD9": "ICD9CM",
    "ICD-9-CM": "ICD9CM",
    "SCT": "SNOMED",
    "SNM": "SNOMED",
    "C4": "CPT",
    "CPT": "CPT",
    "CPT4": "CPT",
}
"""HL7 table 0396 to our names; others are taken as they are."""


V = TypeVar("V", str, str | None)


class Identifier(NamedTuple):
    """A patient's number and who assigned it; the authority may be empty."""

    number: str
    authority: str


class Reader:
    """Reads one message by one mapping."""

    def __init__(self, message: Hl7Message, mapping: Hl7Mapping, pseudonym_key: bytes, raw: bytes) -> None:
        self.message, self.mapping, self._key = message, mapping, pseudonym_key
        self.id = self.name("MSH-10", message.get("MSH", 10)) or hashlib.blake2b(raw, digest_size=16).hexdigest()
        sender = f"hl7:{message.get('MSH', 3)}/{message.get('MSH', 4)}"
        self.source = mapping.source or self.name("MSH-3 and MSH-4", sender) or sender

    def by_person(self) -> list[Reader]:
        """Return a reader for each PID and the segments that follow it."""
        return [self._of(part) for part in self.message.by_person()]

    def by_merge(self) -> list[Reader]:
        """Return a reader for each MRG and the segments that follow it."""
        return [self._of(part) for part in self.message.by_merge()]

    def _of(self, part: Hl7Message) -> Reader:
        reader = copy(self)
        reader.message = part
        return reader

    def name(self, where: str, value: str) -> str | None:
        """Return a text that SQL and the facts can hold, or None where it is empty."""
        if not value:
            return None
        if len(value) > MAX_NAME:
            raise Rejected(f"{where} is longer than {MAX_NAME} characters; shorten it at the sender.")
        if "\x00" in value:
            raise Rejected(f"{where} holds the character U+0000; strip it at the sender.")
        return value

    def field(self, segment: str, number: int, component: int = 1, nth: int = 0) -> str | None:
        """Return a field's text, or None."""
        where = f"{segment}-{number}" + (f".{component}" if component > 1 else "")
        return self.name(where, self.message.get(segment, number, component, nth=nth))

    def time(self, segment: str, number: int) -> datetime | None:
        """Return a field as a time in UTC, or None."""
        found = self.moment(segment, number)
        return None if found is None else found.at

    def moment(self, segment: str, number: int) -> Moment | None:
        """Return a field as a time, and whether its hour is written, or None."""
        return read_moment(self.message.get(segment, number), f"{segment}-{number}", self.mapping.zone)

    @cached_property
    def recorded_at(self) -> datetime:
        """When the feed said it: EVN-2, but not after it was sent (MSH-7); a clock may be wrong."""
        said = [found for found in (self.moment("EVN", 2), self._sent()) if found is not None]
        if not said:
            found = self.time("EVN", 6)
            if found is None:
                raise Rejected("EVN-2, MSH-7 and EVN-6 are empty; one of them must say when it was.")
            return found
        first = min(said)
        return next((other.at for other in said if first.may_be(other.at) and other.has_hour), first.at)

    def _sent(self) -> Moment | None:
        """Return MSH-7; it is but a bound to EVN-2, so without a time in it EVN-2 stands alone."""
        try:
            return self.moment("MSH", 7)
        except Rejected:
            if self.message.get("EVN", 2):
                return None
            raise

    def occurred_at(self, segment: str = "", number: int = 0) -> datetime:
        """When it happened: EVN-6, else the given field, else when it was recorded.

        What is later than the record has not happened, and a day alone says less than a record of that day.
        """
        recorded_at = self.recorded_at
        said = self.moment("EVN", 6)
        if said is not None and said.at <= recorded_at and not said.may_be(recorded_at):
            return said.at
        return (self.past(segment, number) if segment else None) or recorded_at

    def past(self, segment: str, number: int) -> datetime | None:
        """Return a field's time where its hour is written and it is not later than the record, or None.

        PV1-44 and PV1-45 may hold what is expected.
        """
        said = self.moment(segment, number)
        return said.at if said is not None and said.has_hour and said.at <= self.recorded_at else None

    def identifier(self, segment: str = "PID", number: int = 3) -> Identifier:
        """Return the preferred of the patient's numbers."""
        return self._preferred(segment, number, 0)

    def merged_away(self, nth: int, into: Identifier) -> Identifier:
        """Return the number of an MRG segment; without an authority (MRG-1.4) it has that of the number that stays."""
        found = self._preferred("MRG", 1, nth)
        return found if found.authority else Identifier(found.number, into.authority)

    def _preferred(self, segment: str, number: int, nth: int) -> Identifier:
        numbers = list(self.message.repetitions(segment, number, nth=nth))
        kinds = [kind.upper() for kind in self.message.repetitions(segment, number, 5, nth=nth)]
        for preferred in (*self.mapping.preferred_identifier_types, None):
            for index, (value, kind) in enumerate(zip(numbers, kinds, strict=True)):
                if value and (preferred is None or preferred.upper() == kind):
                    return Identifier(value, self._authority(segment, number, nth, index))
        if segment == "PID" and number == 3 and self.message.get("PID", 2):
            return self._preferred("PID", 2, nth)
        raise Rejected(f"{segment}-{number} is empty, so nobody can know whose message it is; fill it at the sender.")

    def _authority(self, segment: str, number: int, nth: int, index: int) -> str:
        """Return the name of the authority (CX.4.1), or its OID (CX.4.2) where it has no name."""
        for subcomponent in (1, 2):
            found = list(self.message.repetitions(segment, number, 4, subcomponent, nth=nth))[index]
            if found:
                return found
        return ""

    def token(self, identifier: Identifier | None = None) -> str:
        """Return a patient's pseudonym; of PID-3 where no number is given."""
        number, authority = identifier or self.identifier()
        return patient_token(self._key, authority or self.mapping.default_authority, number)

    def visit_place(self) -> str | None:
        """Return where the visit number stands: the first place of the mapping that is not empty."""
        return next((place for place in self.mapping.visit_number if self.message.place(place)), None)

    def visit(self) -> str | None:
        """Return the visit number."""
        place = self.visit_place()
        return None if place is None else self.name(place, self.message.place(place))

    def needed_visit(self) -> str:
        """Return the visit number, which this trigger cannot do without."""
        found = self.visit()
        if found is None:
            places = ", ".join(self.mapping.visit_number)
            raise Rejected(f"No visit number: {places} are empty. Fill one, or set visit_number in the HL7 mapping.")
        return self.checked_visit(found)

    @staticmethod
    def checked_visit(number: V) -> V:
        """Return a visit number, refusing one that would be taken for a bed or a patient."""
        if number is not None and number.startswith(("bed:", "patient:")):
            raise Rejected("The visit number begins like a bed or a patient of ours; set another visit_number field.")
        return number

    def location(self, segment: str, number: int, nth: int = 0) -> Location | None:
        """Return a place (PL): point of care, room, bed and facility; a facility alone is none."""
        unit, room, bed = (self.field(segment, number, component, nth) for component in (1, 2, 3))
        if unit is None and room is None and bed is None:
            return None
        unit = unit or self.mapping.default_unit
        facility = self._facility(segment, number, nth)
        return Location(
            facility_id=self.mapping.facilities.get(facility, facility),
            unit_id=self.mapping.units.get(unit, unit),
            room=room,
            bed_id=self._bed_name(f"{segment}-{number}.2 and {number}.3", room, bed),
        )

    def _bed_name(self, where: str, room: str | None, bed: str | None) -> str | None:
        """Return what names a bed within its unit: beds of two rooms are two, though both are called A."""
        if bed is None or room is None or self.mapping.bed_names is BedNames.BED or bed.startswith(f"{room}-"):
            return bed
        return self.name(f"The bed's name of {where}", f"{room}-{bed}")

    def _facility(self, segment: str, number: int, nth: int) -> str:
        named = self.field(segment, number, 4, nth)
        if named is None:  # it may have an OID only (PL.4.2)
            named = self.name(f"{segment}-{number}.4.2", self.message.get(segment, number, 4, 2, nth=nth))
        return named or self.mapping.default_facility or self.field("MSH", 4) or "main"

    def patient_class(self) -> PatientClass | None:
        """Return PV1-2; a code that the mapping does not know counts as not said."""
        return self.mapping.classes.get(self.message.get("PV1", 2).upper())

    def died(self) -> bool:
        """Return whether PID-29 or PID-30 says that the patient is dead."""
        return self.message.get("PID", 30).upper() == "Y" or self.time("PID", 29) is not None

    def disposition(self) -> str | None:
        """Return PV1-36 as a UB-04 patient status."""
        code = self.field("PV1", 36)
        return self.mapping.discharge_dispositions.get(code, code) if code else None

    def age(self, at: datetime) -> int | None:
        """Return the age in years, by PID-7."""
        return age_in_years(self.message.get("PID", 7), at, self.mapping.zone)

    def details(self, at: datetime) -> dict[str, Any]:
        """Return what any message may say about the stay, the place left out."""
        return {
            "patient_class": self.patient_class(),
            "service": self.field("PV1", 10),
            "admission_type": self.mapping.types_of_admission.get(self.message.get("PV1", 4).upper()),
            "age_years": self.age(at),
            "sex": self.sex(),
            "expected_discharge_at": self.time("PV2", 9),
            "diagnoses": self.diagnoses(),
            "procedures": self.procedures(),
        }

    def sex(self) -> Sex | None:
        """Return PID-8."""
        return SEXES.get(self.message.get("PID", 8).upper()[:1])

    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """Return DG1; the one whose priority is 1 is the principal one."""
        found = []
        for nth in range(self.message.count("DG1")):
            code = self.field("DG1", 3, 1, nth)
            if code is not None:
                system = self.field("DG1", 3, 3, nth) or self.field("DG1", 2, 1, nth) or "ICD10CM"
                principal = self.message.get("DG1", 15, nth=nth) == "1"
                system = CODE_SYSTEMS.get(system.upper(), system)
                found.append(Diagnosis(code=code, system=system, principal=principal))
        return tuple(found)

    def procedures(self) -> tuple[Procedure, ...]:
        """Return PR1."""
        found = []
        for nth in range(self.message.count("PR1")):
            code = self.field("PR1", 3, 1, nth)
            if code is not None:
                system = self.field("PR1", 3, 3, nth) or self.field("PR1", 2, 1, nth) or "ICD10PCS"
                found.append(Procedure(code=code, system=CODE_SYSTEMS.get(system.upper(), system)))
        return tuple(found)

    def fact(self, kind: type[Any], subject: str, token: str, at: datetime, data: Any, suffix: str = "") -> AnyFact:
        """Make a fact of this message; the suffix tells several facts of one message apart."""
        if len(self.id) + len(suffix) > MAX_NAME:
            longest = MAX_NAME - len(suffix)
            raise Rejected(f"MSH-10 is longer than {longest} characters, with several facts; shorten it at the sender.")
        made: AnyFact = kind(
            id=self.id + suffix,
            source=self.source,
            subject=subject,
            occurred_at=at,
            recorded_at=self.recorded_at,
            partition_key=token,
            data=data,
        )
        if len(encode_fact(made)) > MAX_BYTES:
            raise Rejected(f"DG1 and PR1 would give a fact of more than {MAX_BYTES:,} bytes; send what matters.")
        return made


def numbered(index: int, many: bool) -> str:
    """Return the suffix of the id of one of a message's facts, counted from 0; none where there is only one."""
    return f"/{index + 1}" if many else ""
