"""The hospital file: facilities, units with their types, beds, and the number of staffed beds."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from schemas.errors import HospitalFileError
from schemas.events import Name
from schemas.names import composed_file


class UnitType(StrEnum):
    """Kinds of unit."""

    EMERGENCY = "emergency"
    INTENSIVE_CARE = "intensive_care"
    STEP_DOWN = "step_down"
    MEDICAL_SURGICAL = "medical_surgical"
    MATERNITY = "maternity"
    PAEDIATRIC = "paediatric"
    PSYCHIATRIC = "psychiatric"
    SHORT_STAY = "short_stay"
    PROCEDURAL = "procedural"
    OTHER = "other"


class Care(StrEnum):
    """Kind of inpatient care. Readmissions are counted between stays in acute care."""

    ACUTE = "acute"
    REHABILITATION = "rehabilitation"
    PSYCHIATRIC = "psychiatric"
    LONG_TERM = "long_term"


class Unit(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    """A unit with `licensed_beds` beds, named 01, 02, ... or as in `beds`; the first `staffed_beds` are usable."""

    unit_id: Name
    name: str
    type: UnitType
    specialty: str = ""
    licensed_beds: Annotated[int, msgspec.Meta(ge=0, le=5000)] = 0
    beds: tuple[Name, ...] = ()
    staffed_beds: Annotated[int, msgspec.Meta(ge=0)] | None = None
    care: Care | None = None

    @property
    def care_given(self) -> Care:
        """Kind of care: as the file says, else psychiatric for a psychiatric ward, and acute for all other types."""
        if self.care is not None:
            return self.care
        return Care.PSYCHIATRIC if self.type is UnitType.PSYCHIATRIC else Care.ACUTE

    @cached_property
    def bed_ids(self) -> tuple[str, ...]:
        """Names of the beds, unique within the unit."""
        return self.beds or tuple(f"{number:02d}" for number in range(1, self.licensed_beds + 1))

    @cached_property
    def staffed(self) -> int:
        """Number of staffed beds; all beds if the file does not give it."""
        return len(self.bed_ids) if self.staffed_beds is None else self.staffed_beds


class Facility(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One building or campus. `cleaning_minutes` is the target of a bed's turnaround.

    Without a bed status feed (`bed_status_feed` false) a bed counts as available again `cleaning_minutes` after the
    patient left it. With `procedure_feed` a stay without procedure codes (PR1) had no procedure; without it, its
    procedures are not known.
    """

    facility_id: Name
    name: str
    units: tuple[Unit, ...]
    time_zone: str = "UTC"
    cleaning_minutes: Annotated[int, msgspec.Meta(ge=0)] = 45
    bed_status_feed: bool = True
    procedure_feed: bool = False
    cancer_hospital: bool = False


class Hospital(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    """All facilities of one hospital file."""

    facilities: tuple[Facility, ...]

    @cached_property
    def units(self) -> dict[tuple[str, str], Unit]:
        """Units by (facility_id, unit_id)."""
        return {(facility.facility_id, unit.unit_id): unit for facility in self.facilities for unit in facility.units}

    def facility(self, facility_id: str) -> Facility | None:
        """Return the facility of that id, or None if the file does not define it."""
        return next((facility for facility in self.facilities if facility.facility_id == facility_id), None)

    def time_zone(self, facility_id: str | None = None) -> str:
        """Return the zone in which times of a facility are written; that of the first one if the file lacks it."""
        known = self.facility(facility_id) if facility_id else None
        return (known or self.facilities[0]).time_zone if self.facilities else "UTC"


def parse_hospital(raw: bytes, origin: str) -> Hospital:
    """Read a hospital file.

    Parameters
    ----------
    raw : bytes
        YAML.
    origin : str
        Name of the file, for error messages.

    Raises
    ------
    HospitalFileError
        With the file, the place in it, the fault, and the remedy.
    """
    try:
        hospital = msgspec.yaml.decode(composed_file(raw), type=Hospital)
    except msgspec.DecodeError as error:
        raise HospitalFileError(f"{origin}: {error}. Correct the hospital file.") from None
    _check(hospital, origin)
    return hospital


def _check(hospital: Hospital, origin: str) -> None:
    seen_facilities: set[str] = set()
    for facility in hospital.facilities:
        if facility.facility_id in seen_facilities:
            raise HospitalFileError(f"{origin}: facility {facility.facility_id} is defined twice. Rename one.")
        seen_facilities.add(facility.facility_id)
        _check_time_zone(facility, origin)
        seen_units: set[str] = set()
        for unit in facility.units:
            place = f"{origin}: unit {facility.facility_id}/{unit.unit_id}"
            if unit.unit_id in seen_units:
                raise HospitalFileError(f"{place} is defined twice. Rename one.")
            seen_units.add(unit.unit_id)
            if len(set(unit.bed_ids)) != len(unit.bed_ids):
                raise HospitalFileError(f"{place} has two beds of the same name. Rename one.")
            if unit.beds and unit.licensed_beds not in (0, len(unit.beds)):
                raise HospitalFileError(
                    f"{place} names {len(unit.beds)} beds but has licensed_beds {unit.licensed_beds}. "
                    "Correct one of them, or leave licensed_beds out."
                )
            if unit.staffed > len(unit.bed_ids):
                raise HospitalFileError(
                    f"{place} has {unit.staffed} staffed beds but only {len(unit.bed_ids)} beds. Correct one of them."
                )
    if not hospital.facilities:
        raise HospitalFileError(f"{origin}: no facility is defined. Add one under `facilities:`.")


def _check_time_zone(facility: Facility, origin: str) -> None:
    try:
        ZoneInfo(facility.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: `Europe` is a folder of zones
        raise HospitalFileError(
            f"{origin}: facility {facility.facility_id}: time_zone {facility.time_zone!r} is not a known time zone. "
            "Write an IANA name such as Europe/Berlin."
        ) from None


def load_hospital(path: Path | None = None) -> Hospital:
    """Read the hospital file, or the built-in Harbour General when no path is given."""
    if path is None:
        return parse_hospital(files("schemas").joinpath("harbour_general.yaml").read_bytes(), "harbour_general.yaml")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise HospitalFileError(f"{path}: {error.strerror}. Set WARDWATCH_HOSPITAL_FILE to an existing file.") from None
    return parse_hospital(raw, str(path))
