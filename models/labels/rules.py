"""What counts as a readmission: the named variants, and the hospital and code sets that they refer to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from models.labels.code_sets import CodeSets
from schemas.events import PatientClass
from schemas.hospital import Care, Facility, Hospital, UnitType
from schemas.state import Encounter, UnitStay

WINDOW_DAYS = 30


class Window(StrEnum):
    """How the 30 days are counted."""

    CALENDAR = "calendar"
    """By date, in the zone of the hospital that discharged the patient: as CMS does. The whole 30th day counts."""

    HOURS = "hours"
    """Exactly 30 times 24 hours."""


class Counted(StrEnum):
    """Which stays are index stays and returns."""

    INPATIENT = "inpatient"
    OBSERVATION = "observation"
    """Inpatient and observation stays."""
    ANY = "any"
    """Every visit with a bed: inpatient, observation, emergency, obstetrics. Not outpatient visits."""


@dataclass(frozen=True)
class Rules:
    """A variant of the readmission rate."""

    name: str
    min_age_years: int | None = 18
    """Minimum age of an index stay; None for any, an unknown age included."""
    window: Window = Window.CALENDAR
    counted: Counted = Counted.INPATIENT
    or_death: bool = False
    """Whether a death within the 30 days is an outcome, too."""
    crude: bool = False
    """Each discharge of a living patient by itself: no exclusions, no episodes, no planned returns."""

    def in_words(self) -> str:
        """Return the variant in one line.

        Examples
        --------
        >>> ADULTS.in_words()
        'adults of 18 and over, inpatient stays, 30 days by date'
        """
        ages = "all ages" if self.min_age_years is None else f"{self.min_age_years} and over"
        ages = f"adults of {ages}" if self.min_age_years == 18 else ages
        stays = {Counted.INPATIENT: "inpatient stays", Counted.OBSERVATION: "inpatient and observation stays"}
        parts = [ages, stays.get(self.counted, "stays of every class but outpatient")]
        parts.append("30 days by date" if self.window is Window.CALENDAR else "30 times 24 hours")
        if self.or_death:
            parts.append("return or death")
        if self.crude:
            parts.append("each discharge by itself, without exclusions")
        return ", ".join(parts)


ADULTS = Rules("adults")
"""The default: the CMS rules, for all adults."""
CMS = Rules("cms", min_age_years=65)
"""CMS Hospital-Wide Readmission: 65 and over."""
CRUDE = Rules("crude", min_age_years=None, window=Window.HOURS, counted=Counted.ANY, crude=True)
"""No rule but the 30 days: to compare with a count by hand."""

PRESETS: dict[str, Rules] = {rules.name: rules for rules in (ADULTS, CMS, CRUDE)}

_WITH_A_BED = frozenset(
    {PatientClass.INPATIENT, PatientClass.OBSERVATION, PatientClass.EMERGENCY, PatientClass.OBSTETRICS}
)


@dataclass(frozen=True, eq=False)
class Definition:
    """A variant, applied to one hospital: all that a label depends on besides the patient's encounters.

    Parameters
    ----------
    rules : Rules
        The variant.
    hospital : Hospital or None
        Zones of the facilities and kinds of care of the units. None: UTC, and all units are acute.
    codes : CodeSets or None
        CCS maps and CMS lists. None: nothing is excluded by its diagnosis, and only the discharge says what is planned.
    """

    rules: Rules = ADULTS
    hospital: Hospital | None = None
    codes: CodeSets | None = None

    def with_rules(self, rules: Rules) -> Definition:
        """Return the same with another variant."""
        return replace(self, rules=rules)

    def zone(self, facility_id: str | None) -> tzinfo:
        """Return the time zone of a facility."""
        return UTC if self.hospital is None else ZoneInfo(self.hospital.time_zone(facility_id))

    def zone_of_discharge(self, encounter: Encounter) -> tzinfo:
        """Return the time zone of the facility that the patient left."""
        return self.zone(encounter.unit_stays[-1].facility_id if encounter.unit_stays else None)

    def counts(self, encounter: Encounter) -> bool:
        """Return whether the class of an encounter counts, as an index stay or as a return."""
        if self.rules.counted is Counted.ANY:
            return encounter.inpatient_from is not None or encounter.patient_class in _WITH_A_BED
        if encounter.inpatient_from is not None:
            return True
        return self.rules.counted is Counted.OBSERVATION and encounter.patient_class is PatientClass.OBSERVATION

    def care(self, encounter: Encounter) -> Care:
        """Return the kind of care of a stay: acute if any ward of it is, or if the hospital file has none of them.

        The emergency department does not count where there is a ward: patients wait in it for a bed of any kind.
        """
        if self.hospital is None:
            return Care.ACUTE
        since = encounter.inpatient_from
        places = [
            place for place in encounter.unit_stays if since is None or place.left_at is None or place.left_at > since
        ]
        found = [kind for place in places if (kind := self._care_in(place)) is not None]
        if not found or Care.ACUTE in found:
            return Care.ACUTE
        return found[-1]

    def _care_in(self, place: UnitStay) -> Care | None:
        assert self.hospital is not None
        unit = self.hospital.units.get((place.facility_id, place.unit_id))
        if unit is None:
            return Care.ACUTE
        return None if unit.type is UnitType.EMERGENCY else unit.care_given

    def reports_procedures(self, encounter: Encounter) -> bool:
        """Return whether a stay without procedure codes had no procedure, by the hospital file."""
        facility = self._facility(encounter)
        return facility is not None and facility.procedure_feed

    def in_cancer_hospital(self, encounter: Encounter) -> bool:
        """Return whether the patient left a cancer hospital that is exempt from the PPS."""
        facility = self._facility(encounter)
        return facility is not None and facility.cancer_hospital

    def _facility(self, encounter: Encounter) -> Facility | None:
        if self.hospital is None or not encounter.unit_stays:
            return None
        return self.hospital.facility(encounter.unit_stays[-1].facility_id)

    def window_ends(self, encounter: Encounter) -> datetime | None:
        """Return the end of the 30 days after a discharge: from then on the outcome is known."""
        left = encounter.discharged_at
        if left is None:
            return None
        if self.rules.window is Window.HOURS:
            return left + timedelta(days=WINDOW_DAYS)
        zone = self.zone_of_discharge(encounter)
        after = left.astimezone(zone).date() + timedelta(days=WINDOW_DAYS + 1)
        return datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)

    def in_window(self, encounter: Encounter, time: datetime) -> bool:
        """Return whether a time after the discharge lies in the 30 days."""
        left = encounter.discharged_at
        if left is None:
            return False
        if self.rules.window is Window.HOURS:
            return time <= left + timedelta(days=WINDOW_DAYS)
        return self.days_between(encounter, time) <= WINDOW_DAYS

    def days_between(self, encounter: Encounter, time: datetime) -> int:
        """Return the days from the date of the discharge to the date of a time; 0 on the same day."""
        assert encounter.discharged_at is not None
        zone = self.zone_of_discharge(encounter)
        return (time.astimezone(zone).date() - encounter.discharged_at.astimezone(zone).date()).days


DEFAULT = Definition()
"""All adults, in UTC, without code sets."""
