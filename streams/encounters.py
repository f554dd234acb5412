"""The one idea: an encounter is the fold of the set of its facts.

`fold` sorts the facts by what happened, drops what was cancelled, and applies the rest. It does no IO and knows no
arrival order, so duplicates, late facts and replays cannot matter. The worker, the rebuild, the as-of query and the
tests all call this one function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas.events import (
    AdmissionCancelled,
    AdmissionPending,
    AdtEvent,
    Details,
    DischargeDetails,
    DischargePending,
    EncounterDeleted,
    EncounterUpdated,
    LeaveEnded,
    LeaveStarted,
    Location,
    PatientAdmitted,
    PatientArrived,
    PatientClass,
    PatientClassChanged,
    PatientDeparted,
    PatientDischarged,
    PatientPreadmitted,
    PatientRegistered,
    PatientTransferred,
    PendingAdmissionCancelled,
    PendingDetails,
    PreadmissionCancelled,
    TransferPending,
)
from schemas.state import (
    Encounter,
    EncounterStatus,
    KnownDiagnosis,
    KnownProcedure,
    KnownService,
    Problem,
    Reservation,
    UnitStay,
)
from streams.kinds import BEGINNINGS, CANCELS
from streams.ordering import Standing, standing


def fold(facts: Iterable[AdtEvent], *, as_of: datetime | None = None) -> Encounter | None:
    """Return the encounter that the facts amount to, whatever their order and however often each is given.

    Parameters
    ----------
    facts : iterable of AdtEvent
        All facts of one encounter.
    as_of : datetime or None
        Leave out what happened later; cancels and corrections that were said later count all the same.

    Returns
    -------
    Encounter or None
        None when there is no fact, or none had happened by then. What does not fit is named in `problems`; no fact is
        dropped in silence.

    Notes
    -----
    What counts, and in what order, is in `streams.ordering` and `streams.hearing`. An update whose location differs
    from what was said before is a transfer. A patient who is admitted again under the same number after a discharge is
    here again: the latest word counts. A deletion makes void what was said before it.

    Examples
    --------
    >>> fold([]) is None
    True
    """
    given = list(facts)
    if not given:
        return None
    stand = standing(given, as_of)
    if as_of is not None and not stand.facts and not _was_taken_back(given, stand, as_of):
        return None
    state = _State(stand.latest.subject, _token(stand))
    state.problems.update(stand.problems)
    state.note_tokens(given)
    state.taken_back = not stand.cancelled.isdisjoint(_BEGINS_OR_PLANS)
    for fact in stand.facts:
        _APPLY[type(fact)](state, fact)
    return state.encounter()


_BEGINS_OR_PLANS = frozenset({*BEGINNINGS, PatientPreadmitted, AdmissionPending})


def _token(stand: Standing) -> str:
    """Return under which token the encounter was reported last, by a fact that stands if there is one."""
    latest = next((fact for fact in reversed(stand.facts) if type(fact) not in CANCELS), stand.latest)
    return str(latest.partition_key)


def _was_taken_back(facts: Iterable[AdtEvent], stand: Standing, as_of: datetime) -> bool:
    return bool(stand.cancelled) and any(fact.occurred_at <= as_of for fact in facts)


class _State:
    """What is known so far while the facts are applied in order."""

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
        "stays",
        "taken_back",
        "temporary_place",
    )

    def __init__(self, encounter_id: str, patient_token: str) -> None:
        self.encounter_id = encounter_id
        self.patient_token = patient_token
        self.other_tokens: set[str] = set()
        self.problems: set[Problem] = set()
        self.taken_back = False
        self.cancelled = False
        self.deleted = False
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing is said of the stay yet."""
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
        self.admission_type: Any = None
        self.services: list[KnownService] = []
        self.age_years: int | None = None
        self.sex: Any = None
        self.expected_discharge_at: datetime | None = None
        self.stays: list[UnitStay] = []
        self.diagnoses: dict[Any, KnownDiagnosis] = {}
        self.procedures: dict[Any, KnownProcedure] = {}

    @property
    def here(self) -> bool:
        return self.admitted_at is not None and self.discharged_at is None

    def problem(self, problem: Problem) -> None:
        self.problems.add(problem)

    def note_tokens(self, facts: Iterable[AdtEvent]) -> None:
        """Note under which other tokens the encounter was reported, by whatever fact."""
        self.other_tokens = {fact.partition_key for fact in facts} - {self.patient_token}
        if self.other_tokens:
            self.problem(Problem.TWO_PATIENTS)

    def note(self, fact: AdtEvent, details: Details) -> None:
        """Take over what any message may say besides its trigger."""
        said = details.patient_class
        if said is not None and said is not self.patient_class and self._may_change_class(fact):
            self.patient_class = said
            self.inpatient_from = fact.occurred_at if said is PatientClass.INPATIENT else None
        if details.service is not None and (not self.services or self.services[-1].value != details.service):
            self.services.append(KnownService(value=details.service, known_at=fact.occurred_at))
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
                    known_at=fact.occurred_at,
                    principal=diagnosis.principal,
                    present_on_admission=diagnosis.present_on_admission,
                )
        for procedure in details.procedures:
            self.procedures.setdefault(
                (procedure.system, procedure.code),
                KnownProcedure(code=procedure.code, system=procedure.system, known_at=fact.occurred_at),
            )

    def _may_change_class(self, fact: AdtEvent) -> bool:
        """Tell whether this fact may say the class: not a plan, and no bill after the discharge."""
        if isinstance(fact, PatientAdmitted | PatientRegistered | PatientClassChanged):
            return True
        return not self.planned and self.discharged_at is None and not isinstance(fact.data, PendingDetails)

    def move(self, location: Location, at: datetime) -> None:
        """Put the patient in a place from `at` on; staying where one is is no move."""
        last = self.stays[-1] if self.stays else None
        if last is not None and last.left_at is None:
            same_unit = last.unit_id == location.unit_id and last.facility_id == location.facility_id
            if same_unit and location.bed_id in (None, last.bed_id):
                return
            self.reservation = self.temporary_place = None
            if last.arrived_at >= at:
                self.stays.pop()
            else:
                self.stays[-1] = msgspec.structs.replace(last, left_at=at)
        self.stays.append(
            UnitStay(
                facility_id=location.facility_id,
                unit_id=location.unit_id,
                arrived_at=at,
                room=location.room,
                bed_id=location.bed_id,
            )
        )

    def reserve(self, fact: AdtEvent, location: Location | None, expected_at: datetime | None) -> None:
        """Note where the patient is to come; a plan that names no place reserves none."""
        self.reservation = reservation(location, fact.occurred_at, expected_at)

    def leave(self, at: datetime) -> None:
        self.reservation = self.temporary_place = None
        self.on_leave_since = None
        if self.stays and self.stays[-1].left_at is None:
            self.stays[-1] = msgspec.structs.replace(self.stays[-1], left_at=at)

    def encounter(self) -> Encounter:
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
            stays=() if cancelled else tuple(self.stays),
            diagnoses=tuple(self.diagnoses.values()),
            procedures=tuple(self.procedures.values()),
            problems=tuple(sorted(self.problems)),
            expected_admission_at=None if cancelled else self.expected_admission_at,
            reservation=None if cancelled else self.reservation,
            on_leave_since=None if cancelled else self.on_leave_since,
            temporary_place=None if cancelled else self.temporary_place,
            other_tokens=tuple(sorted(self.other_tokens)),
        )

    def status(self) -> EncounterStatus:
        if self.admitted_at is None:
            if self.planned:
                return EncounterStatus.PLANNED
            void = self.deleted or self.cancelled or self.taken_back
            if void and not self.stays and self.discharged_at is None:
                return EncounterStatus.CANCELLED
        return EncounterStatus.IN_PROGRESS if self.discharged_at is None else EncounterStatus.DISCHARGED


def _plan(state: _State, fact: PatientPreadmitted | AdmissionPending) -> None:
    if state.admitted_at is not None or state.discharged_at is not None or state.stays:
        state.problem(Problem.PLANNED_AFTER_ADMISSION)
        return
    state.note(fact, fact.data)
    state.planned = True
    state.deleted = state.cancelled = False
    state.expected_admission_at = _in_utc(fact.data.expected_at)
    state.reserve(fact, fact.data.location, fact.data.expected_at)


def _admit(state: _State, fact: PatientAdmitted | PatientRegistered) -> None:
    state.note(fact, fact.data)
    registered = isinstance(fact, PatientRegistered)
    if state.discharged_at is not None:
        reopened = state.admitted_at is not None
        state.problem(Problem.ADMITTED_AFTER_DISCHARGE if reopened else Problem.DISCHARGED_BEFORE_ADMISSION)
        state.discharged_at = state.discharge_disposition = None
    elif registered and state.admitted_at not in (None, fact.occurred_at):
        state.problem(Problem.REGISTERED_TWICE)
    elif not registered and state.admitted_by not in (None, fact.occurred_at):
        state.problem(Problem.ADMITTED_TWICE)
    elif state.admitted_at is None and state.stays:
        state.problem(Problem.MOVED_BEFORE_ADMISSION)
    if state.admitted_at is None:
        state.admitted_at = fact.occurred_at
    if not registered and state.admitted_by is None:
        state.admitted_by = fact.occurred_at
    state.deleted = state.cancelled = state.planned = False
    state.reservation = state.expected_admission_at = None
    if fact.data.location is not None:
        state.move(fact.data.location, fact.occurred_at)


def _change_class(state: _State, fact: PatientClassChanged) -> None:
    state.note(fact, fact.data)
    if state.deleted:
        state.problem(Problem.REPORTED_AFTER_DELETION)
    if fact.data.location is not None:
        _move(state, fact.data.location, fact.occurred_at)


def _transfer(state: _State, fact: PatientTransferred) -> None:
    state.note(fact, fact.data)
    if fact.data.location is None:
        state.problem(Problem.TRANSFER_WITHOUT_LOCATION)
    else:
        _move(state, fact.data.location, fact.occurred_at)
        state.reservation = None


def _move(state: _State, location: Location, at: datetime) -> None:
    state.planned = False
    if state.discharged_at is not None:
        state.problem(Problem.MOVED_AFTER_DISCHARGE)
    elif state.deleted:
        state.problem(Problem.REPORTED_AFTER_DELETION)
    else:
        state.cancelled = False
        state.move(location, at)


def _track(state: _State, fact: PatientDeparted | PatientArrived) -> None:
    """Tracking moves the patient without a transfer; a temporary place leaves the bed as it is."""
    state.note(fact, fact.data)
    if fact.data.location is not None:
        _move(state, fact.data.location, fact.occurred_at)
    if fact.data.temporary_location is not None and state.discharged_at is None:
        there = fact.data.temporary_location
        state.temporary_place = UnitStay(
            facility_id=there.facility_id,
            unit_id=there.unit_id,
            arrived_at=fact.occurred_at,
            room=there.room,
            bed_id=there.bed_id,
        )
    elif isinstance(fact, PatientArrived):
        state.temporary_place = None


def _start_leave(state: _State, fact: LeaveStarted) -> None:
    state.note(fact, fact.data)
    if state.here:
        state.on_leave_since = fact.occurred_at
    else:
        state.problem(Problem.LEAVE_WHILE_NOT_HERE)


def _end_leave(state: _State, fact: LeaveEnded) -> None:
    state.note(fact, fact.data)
    if state.on_leave_since is None:
        state.problem(Problem.RETURN_WITHOUT_LEAVE)
    state.on_leave_since = None
    if fact.data.location is not None:
        _move(state, fact.data.location, fact.occurred_at)


def _expect_transfer(state: _State, fact: TransferPending) -> None:
    state.note(fact, fact.data)
    if state.here:
        state.reserve(fact, fact.data.location, fact.data.expected_at)
    else:
        state.problem(Problem.PENDING_WHILE_NOT_HERE)


def _expect_discharge(state: _State, fact: DischargePending) -> None:
    state.note(fact, fact.data)
    if not state.here:
        state.problem(Problem.PENDING_WHILE_NOT_HERE)
    elif fact.data.expected_at is not None:
        state.expected_discharge_at = fact.data.expected_at.astimezone(UTC)


def _cancel(state: _State, fact: AdtEvent) -> None:  # noqa: ARG001
    """Nobody is here or will come, unless something else that stands says so."""
    state.cancelled = state.admitted_at is None and not state.planned


def _delete(state: _State, fact: EncounterDeleted) -> None:  # noqa: ARG001
    state.forget()
    state.deleted = True


def _discharge(state: _State, fact: PatientDischarged) -> None:
    state.note(fact, fact.data)
    _note_disposition(state, fact.data)
    state.planned = False
    if state.deleted:
        state.problem(Problem.REPORTED_AFTER_DELETION)
        return
    if state.discharged_at is not None:
        if state.discharged_at != fact.occurred_at:
            state.problem(Problem.DISCHARGED_TWICE)
        return
    state.discharged_at = fact.occurred_at
    state.leave(fact.occurred_at)


def _update(state: _State, fact: EncounterUpdated) -> None:
    data = fact.data
    state.note(fact, data)
    if state.discharged_at is not None:
        _note_disposition(state, data)
    elif state.planned:
        if data.location is not None:
            state.reserve(fact, data.location, state.expected_admission_at)
    elif state.deleted:
        state.problem(Problem.REPORTED_AFTER_DELETION)
    elif _tells_of_the_past(state, fact):
        state.discharged_at = _in_utc(data.discharged_at)
        _note_disposition(state, data)
    elif data.location is not None and state.cancelled:
        state.problem(Problem.REPORTED_AFTER_CANCELLATION)
    elif data.location is not None:
        state.move(data.location, fact.occurred_at)


def _tells_of_the_past(state: _State, fact: EncounterUpdated) -> bool:
    """Say whether all that is known of the visit is an update, perhaps a bill, after its end: it claims no bed."""
    left_at = fact.data.discharged_at
    return left_at is not None and left_at <= fact.occurred_at and state.admitted_at is None and not state.stays


def _note_disposition(state: _State, details: DischargeDetails) -> None:
    if details.discharge_disposition is not None:
        state.discharge_disposition = details.discharge_disposition


def reservation(location: Location | None, since: datetime, expected_at: datetime | None) -> Reservation | None:
    """Return the place that a plan names, if it names one."""
    if location is None:
        return None
    return Reservation(
        facility_id=location.facility_id,
        unit_id=location.unit_id,
        since=since,
        room=location.room,
        bed_id=location.bed_id,
        expected_at=_in_utc(expected_at),
    )


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)


_APPLY: dict[type, Callable[[_State, Any], None]] = {
    PatientPreadmitted: _plan,
    AdmissionPending: _plan,
    PatientRegistered: _admit,
    PatientAdmitted: _admit,
    PatientClassChanged: _change_class,
    PatientTransferred: _transfer,
    PatientDeparted: _track,
    PatientArrived: _track,
    LeaveStarted: _start_leave,
    LeaveEnded: _end_leave,
    EncounterUpdated: _update,
    TransferPending: _expect_transfer,
    DischargePending: _expect_discharge,
    PatientDischarged: _discharge,
    AdmissionCancelled: _cancel,
    PreadmissionCancelled: _cancel,
    PendingAdmissionCancelled: _cancel,
    EncounterDeleted: _delete,
}
