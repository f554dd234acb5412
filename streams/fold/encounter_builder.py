"""The state of an encounter while its facts are applied one after another."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

import msgspec

from schemas.events import AdmissionType, Details, Location, PatientClass, PendingDetails, Sex
from schemas.state import (
    Encounter,
    EncounterStatus,
    KnownDiagnosis,
    KnownProcedure,
    KnownService,
    PlanWithdrawn,
    Problem,
    Reservation,
    UnitStay,
)
from schemas.two_people import MIN_MOTHER_AGE_YEARS, ages_differ, sexes_differ


class EncounterBuilder:
    """State of an encounter as known from the facts applied so far."""

    __slots__ = (
        "admission_type",
        "admitted_at",
        "admitted_by",
        "age_years",
        "cancelled",
        "deleted",
        "diagnoses",
        "discharge_disposition",
        "discharged_at",
        "encounter_id",
        "expected_admission_at",
        "expected_discharge_at",
        "has_cancelled_start",
        "inpatient_from",
        "on_leave_since",
        "other_tokens",
        "patient_class",
        "patient_token",
        "planned",
        "problems",
        "procedures",
        "reservation",
        "services",
        "sex",
        "temporary_place",
        "unit_stays",
        "withdrawn",
    )

    def __init__(self, encounter_id: str, patient_token: str) -> None:
        self.encounter_id = encounter_id
        self.patient_token = patient_token
        self.other_tokens: AbstractSet[str] = frozenset()
        self.problems: set[Problem] = set()
        self.has_cancelled_start = False
        self.withdrawn: tuple[PlanWithdrawn, ...] = ()
        self.cancelled = False
        self.deleted = False
        self.reset()

    def reset(self) -> None:
        """Forget all that is known of the stay: nothing has been reported yet."""
        self.planned = False
        self.admitted_by: datetime | None = None
        self.expected_admission_at: datetime | None = None
        self.reservation: Reservation | None = None
        self.on_leave_since: datetime | None = None
        self.temporary_place: UnitStay | None = None
        self.patient_class = PatientClass.UNKNOWN
        self.admitted_at: datetime | None = None
        self.inpatient_from: datetime | None = None
        self.discharged_at: datetime | None = None
        self.discharge_disposition: str | None = None
        self.admission_type: AdmissionType | None = None
        self.services: list[KnownService] = []
        self.age_years: int | None = None
        self.sex: Sex | None = None
        self.expected_discharge_at: datetime | None = None
        self.unit_stays: list[UnitStay] = []
        self.diagnoses: dict[tuple[str, str, bool, bool | None], KnownDiagnosis] = {}
        self.procedures: dict[tuple[str, str], KnownProcedure] = {}

    @property
    def here(self) -> bool:
        """Whether the patient was admitted and not discharged."""
        return self.admitted_at is not None and self.discharged_at is None

    def problem(self, problem: Problem) -> None:
        """Note that a fact does not fit."""
        self.problems.add(problem)

    def note_other_tokens(self, tokens: AbstractSet[str], *, of_two_hospitals: bool) -> None:
        """Note under which other tokens the encounter was reported, and whether by two hospitals or senders."""
        self.other_tokens = tokens
        if tokens:
            self.problem(Problem.NUMBER_OF_TWO_HOSPITALS if of_two_hospitals else Problem.TWO_PATIENTS)

    def note(self, at: datetime, details: Details, *, changes_class: bool = False) -> None:
        """Take over what any fact may report besides its trigger.

        Parameters
        ----------
        at : datetime
            When the fact happened.
        details : Details
            Of the fact.
        changes_class : bool
            Whether a fact of this kind sets the class at any time. Others, unless they are a plan, set it while the
            patient is here: a bill after the discharge does not.
        """
        if details.time_written is not None:
            self.problem(Problem.RECORDED_BEFORE_IT_HAPPENED)
        if changes_class and details.age_years is not None and details.age_years != self.age_years:
            self._check_person(at, details, details.age_years)
        stated = details.patient_class
        if (
            stated is not None
            and stated is not self.patient_class
            and (
                changes_class
                or (not self.planned and self.discharged_at is None and not isinstance(details, PendingDetails))
            )
        ):
            self.patient_class = stated
            self.inpatient_from = at if stated is PatientClass.INPATIENT else None
        if details.service is not None and (not self.services or self.services[-1].value != details.service):
            self.services.append(KnownService(value=details.service, known_at=at))
        if details.admission_type is not None:
            self.admission_type = details.admission_type
        if details.age_years is not None:
            self.age_years = details.age_years
        if details.sex is not None:
            self.sex = details.sex
        if details.expected_discharge_at is not None:
            self.expected_discharge_at = details.expected_discharge_at.astimezone(UTC)
        for diagnosis in details.diagnoses:
            key = (diagnosis.system, diagnosis.code, diagnosis.principal, diagnosis.present_on_admission)
            if key not in self.diagnoses:
                self.diagnoses[key] = KnownDiagnosis(
                    code=diagnosis.code,
                    system=diagnosis.system,
                    known_at=at,
                    principal=diagnosis.principal,
                    present_on_admission=diagnosis.present_on_admission,
                )
        for procedure in details.procedures:
            self.procedures.setdefault(
                (procedure.system, procedure.code),
                KnownProcedure(code=procedure.code, system=procedure.system, known_at=at),
            )

    def _check_person(self, at: datetime, details: Details, age_years: int) -> None:
        """Note a problem where an admission has an age and a sex that cannot be those of the patient known so far."""
        if self.age_years is None or not ages_differ(age_years, at, self.age_years, self.admitted_at or at):
            return
        ages = sorted((age_years, self.age_years))
        is_newborn = ages[0] == 0 and ages[1] >= MIN_MOTHER_AGE_YEARS
        if is_newborn or sexes_differ(details.sex, self.sex):
            self.problem(Problem.TWO_PEOPLE)

    def move(self, location: Location, at: datetime, placed_at: datetime | None = None) -> None:
        """Put the patient in a place from `at` on; the place where the patient is already is not a move.

        `placed_at` is when the sender did so, where `at` is dated back.
        """
        last = self.unit_stays[-1] if self.unit_stays else None
        if last is not None and last.left_at is None:
            same_unit = last.unit_id == location.unit_id and last.facility_id == location.facility_id
            if same_unit and location.bed_id in (None, last.bed_id):
                return
            self.reservation = self.temporary_place = None
            if last.arrived_at >= at:
                self.unit_stays.pop()
            else:
                self.unit_stays[-1] = msgspec.structs.replace(last, left_at=at)
        self.unit_stays.append(
            UnitStay(
                facility_id=location.facility_id,
                unit_id=location.unit_id,
                arrived_at=at,
                room=location.room,
                bed_id=location.bed_id,
                placed_at=placed_at,
            )
        )

    def reserve(self, location: Location | None, at: datetime, expected_at: datetime | None) -> None:
        """Note where the patient is to come, as planned at a time; a plan without a location reserves none."""
        self.reservation = reservation(location, at, expected_at)

    def leave(self, at: datetime) -> None:
        """End the stay in the last place."""
        self.reservation = self.temporary_place = None
        self.on_leave_since = None
        if self.unit_stays and self.unit_stays[-1].left_at is None:
            self.unit_stays[-1] = msgspec.structs.replace(self.unit_stays[-1], left_at=at)

    def encounter(self) -> Encounter:
        """Return the encounter as known from all facts applied."""
        status = self.status()
        cancelled = status is EncounterStatus.CANCELLED
        if self.admitted_at is None and status in (EncounterStatus.IN_PROGRESS, EncounterStatus.DISCHARGED):
            self.problem(Problem.NO_ADMISSION)
        return Encounter(
            encounter_id=self.encounter_id,
            patient_token=self.patient_token,
            status=status,
            patient_class=self.patient_class,
            admitted_at=self.admitted_at,
            inpatient_from=self.inpatient_from,
            discharged_at=None if cancelled else self.discharged_at,
            discharge_disposition=None if cancelled else self.discharge_disposition,
            admission_type=self.admission_type,
            service=self.services[-1].value if self.services else None,
            services=tuple(self.services),
            age_years=self.age_years,
            sex=self.sex,
            expected_discharge_at=self.expected_discharge_at,
            unit_stays=() if cancelled else tuple(self.unit_stays),
            diagnoses=tuple(self.diagnoses.values()),
            procedures=tuple(self.procedures.values()),
            problems=tuple(sorted(self.problems)),
            expected_admission_at=None if cancelled else self.expected_admission_at,
            reservation=None if cancelled else self.reservation,
            on_leave_since=None if cancelled else self.on_leave_since,
            temporary_place=None if cancelled else self.temporary_place,
            other_tokens=tuple(sorted(self.other_tokens)),
            withdrawn=self.withdrawn,
        )

    def status(self) -> EncounterStatus:
        """Return the status of the stay; without an admission it follows from what else is known."""
        if self.admitted_at is None:
            if self.planned:
                return EncounterStatus.PLANNED
            void = self.deleted or self.cancelled or self.has_cancelled_start
            if void and not self.unit_stays and self.discharged_at is None:
                return EncounterStatus.CANCELLED
        return EncounterStatus.IN_PROGRESS if self.discharged_at is None else EncounterStatus.DISCHARGED


def reservation(location: Location | None, since: datetime, expected_at: datetime | None) -> Reservation | None:
    """Return the place that a plan names, None where it names none."""
    if location is None:
        return None
    return Reservation(
        facility_id=location.facility_id,
        unit_id=location.unit_id,
        since=since,
        room=location.room,
        bed_id=location.bed_id,
        expected_at=in_utc(expected_at),
    )


def in_utc(time: datetime | None) -> datetime | None:
    """Convert a time to UTC; None stays None."""
    return None if time is None else time.astimezone(UTC)
