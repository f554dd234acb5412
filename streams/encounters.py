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
    AdtEvent,
    Details,
    DischargeCancelled,
    DischargeDetails,
    EncounterUpdated,
    Location,
    PatientAdmitted,
    PatientClass,
    PatientDischarged,
    PatientTransferred,
    TransferCancelled,
    UpdateDetails,
    encode_fact,
)
from schemas.state import Encounter, EncounterStatus, KnownDiagnosis, KnownProcedure, Problem, UnitStay

PRECEDENCE: dict[type, int] = {
    PatientAdmitted: 0,
    PatientTransferred: 1,
    EncounterUpdated: 2,
    PatientDischarged: 3,
    AdmissionCancelled: 4,
    TransferCancelled: 5,
    DischargeCancelled: 6,
}
"""Which fact counts first when several happened at one instant."""

CANCELS: dict[type, type] = {
    AdmissionCancelled: PatientAdmitted,
    TransferCancelled: PatientTransferred,
    DischargeCancelled: PatientDischarged,
}
"""What each cancel takes back."""

_Key = tuple[datetime, int, datetime, str, str]


def fold(facts: Iterable[AdtEvent]) -> Encounter | None:
    """Return the encounter that the facts amount to, whatever their order and however often each is given.

    Parameters
    ----------
    facts : iterable of AdtEvent
        All facts of one encounter.

    Returns
    -------
    Encounter or None
        None when there is no fact. What does not fit is named in `problems`; no fact is dropped in silence.

    Notes
    -----
    Facts apply in the order of `occurred_at`, then `PRECEDENCE`, then `recorded_at`, then source and id. A cancel takes
    back the fact it names, or else the latest of its kind before it. An update whose location differs is a transfer.
    A patient who is admitted again under the same number after a discharge is here again: the latest word counts.

    Examples
    --------
    >>> fold([]) is None
    True
    """
    ordered, collision = _in_order(facts)
    if not ordered:
        return None
    state = _State(ordered[-1])
    if collision:
        state.problem(Problem.ID_COLLISION)
    kept = _without_cancelled(ordered, state)
    for fact in kept:
        _APPLY[type(fact)](state, fact)
    return state.encounter()


def _key(fact: AdtEvent) -> _Key:
    return (fact.occurred_at, PRECEDENCE[type(fact)], fact.recorded_at, fact.source, fact.id)


def _in_order(facts: Iterable[AdtEvent]) -> tuple[list[AdtEvent], bool]:
    """Return the distinct facts in their order, and whether one source and id stands over two contents."""
    given = list(facts)
    if len(given) < 2:
        return given, False
    if len({(fact.source, fact.id) for fact in given}) == len(given):
        return sorted(given, key=_key), False
    distinct = {encode_fact(fact): fact for fact in given}
    names = {(fact.source, fact.id) for fact in distinct.values()}
    ordered = sorted(distinct.items(), key=lambda item: (_key(item[1]), item[0]))
    return [fact for _, fact in ordered], len(names) < len(distinct)


def _without_cancelled(ordered: list[AdtEvent], state: _State) -> list[AdtEvent]:
    """Drop the cancels and what they take back."""
    if not any(type(fact) in CANCELS for fact in ordered):
        return ordered
    dropped: set[int] = set()
    for position, cancel in enumerate(ordered):
        if not isinstance(cancel, AdmissionCancelled | TransferCancelled | DischargeCancelled):
            continue
        dropped.add(position)
        kind, named = CANCELS[type(cancel)], cancel.data.cancels
        candidates = [
            index
            for index, fact in enumerate(ordered)
            if type(fact) is kind and index not in dropped and (fact.id == named if named else index < position)
        ]
        if candidates:
            dropped.add(candidates[-1])
            if kind is PatientAdmitted:
                state.admission_cancelled = True
        else:
            state.problem(Problem.CANCEL_WITHOUT_TARGET)
    return [fact for index, fact in enumerate(ordered) if index not in dropped]


class _State:
    """What is known so far while the facts are applied in order."""

    __slots__ = (
        "admission_cancelled",
        "admission_type",
        "admitted_at",
        "age_years",
        "diagnoses",
        "discharge_disposition",
        "discharged_at",
        "encounter_id",
        "expected_discharge_at",
        "inpatient_from",
        "patient_class",
        "patient_token",
        "problems",
        "procedures",
        "service",
        "sex",
        "stays",
    )

    def __init__(self, latest: AdtEvent) -> None:
        self.encounter_id = latest.subject
        self.patient_token = latest.partition_key
        self.patient_class = PatientClass.UNKNOWN
        self.admitted_at: datetime | None = None
        self.inpatient_from: datetime | None = None
        self.discharged_at: datetime | None = None
        self.discharge_disposition: str | None = None
        self.admission_type: Any = None
        self.service: str | None = None
        self.age_years: int | None = None
        self.sex: Any = None
        self.expected_discharge_at: datetime | None = None
        self.admission_cancelled = False
        self.stays: list[UnitStay] = []
        self.diagnoses: dict[Any, KnownDiagnosis] = {}
        self.procedures: dict[Any, KnownProcedure] = {}
        self.problems: set[Problem] = set()

    def problem(self, problem: Problem) -> None:
        self.problems.add(problem)

    def note(self, fact: AdtEvent, details: Details) -> None:
        """Take over what any message may say besides its trigger."""
        if fact.partition_key != self.patient_token:
            self.problem(Problem.TWO_PATIENTS)
        if details.patient_class is not None and details.patient_class is not self.patient_class:
            self.patient_class = details.patient_class
            self.inpatient_from = fact.occurred_at if details.patient_class is PatientClass.INPATIENT else None
        if details.service is not None:
            self.service = details.service
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

    def move(self, location: Location, at: datetime) -> None:
        """Put the patient in a place from `at` on; staying where one is is no move."""
        last = self.stays[-1] if self.stays else None
        if last is not None and last.left_at is None:
            same_unit = last.unit_id == location.unit_id and last.facility_id == location.facility_id
            if same_unit and location.bed_id in (None, last.bed_id):
                return
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

    def leave(self, at: datetime) -> None:
        if self.stays and self.stays[-1].left_at is None:
            self.stays[-1] = msgspec.structs.replace(self.stays[-1], left_at=at)

    def encounter(self) -> Encounter:
        cancelled = self.admission_cancelled and self.admitted_at is None
        if cancelled:
            status = EncounterStatus.CANCELLED
        else:
            status = EncounterStatus.IN_PROGRESS if self.discharged_at is None else EncounterStatus.DISCHARGED
            if self.admitted_at is None:
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
            service=self.service,
            age_years=self.age_years,
            sex=self.sex,
            expected_discharge_at=self.expected_discharge_at,
            stays=() if cancelled else tuple(self.stays),
            diagnoses=tuple(self.diagnoses.values()),
            procedures=tuple(self.procedures.values()),
            problems=tuple(sorted(self.problems)),
        )


def _admit(state: _State, fact: PatientAdmitted) -> None:
    state.note(fact, fact.data)
    if state.discharged_at is not None:
        reopened = state.admitted_at is not None
        state.problem(Problem.ADMITTED_AFTER_DISCHARGE if reopened else Problem.DISCHARGED_BEFORE_ADMISSION)
        state.discharged_at = state.discharge_disposition = None
    elif state.admitted_at is not None:
        state.problem(Problem.ADMITTED_TWICE)
    elif state.stays:
        state.problem(Problem.MOVED_BEFORE_ADMISSION)
    if state.admitted_at is None:
        state.admitted_at = fact.occurred_at
    if fact.data.location is not None:
        state.move(fact.data.location, fact.occurred_at)


def _transfer(state: _State, fact: PatientTransferred) -> None:
    state.note(fact, fact.data)
    if fact.data.location is None:
        state.problem(Problem.TRANSFER_WITHOUT_LOCATION)
    elif state.discharged_at is not None:
        state.problem(Problem.MOVED_AFTER_DISCHARGE)
    else:
        state.move(fact.data.location, fact.occurred_at)


def _discharge(state: _State, fact: PatientDischarged) -> None:
    state.note(fact, fact.data)
    _note_disposition(state, fact.data)
    if state.discharged_at is not None:
        state.problem(Problem.DISCHARGED_TWICE)
        return
    state.discharged_at = fact.occurred_at
    state.leave(fact.occurred_at)


def _update(state: _State, fact: EncounterUpdated) -> None:
    data = fact.data
    state.note(fact, data)
    _correct_times(state, data)
    if state.discharged_at is not None:
        _note_disposition(state, data)
    elif data.location is not None:
        state.move(data.location, fact.occurred_at)


def _note_disposition(state: _State, details: DischargeDetails) -> None:
    if details.discharge_disposition is not None:
        state.discharge_disposition = details.discharge_disposition


def _correct_times(state: _State, data: UpdateDetails) -> None:
    """Apply PV1-44 and PV1-45 of an update to what they correct; a stay never gets a negative length."""
    if data.admitted_at is not None and state.admitted_at is not None:
        corrected = data.admitted_at.astimezone(UTC)
        if state.stays:
            first = state.stays[0]
            if first.left_at is not None and corrected > first.left_at:
                state.problem(Problem.TIMES_OUT_OF_ORDER)
                return
            state.stays[0] = msgspec.structs.replace(first, arrived_at=corrected)
        if state.inpatient_from == state.admitted_at:
            state.inpatient_from = corrected
        state.admitted_at = corrected
    if data.discharged_at is not None and state.discharged_at is not None:
        corrected = data.discharged_at.astimezone(UTC)
        if state.stays:
            last = state.stays[-1]
            if corrected < last.arrived_at:
                state.problem(Problem.TIMES_OUT_OF_ORDER)
                return
            state.stays[-1] = msgspec.structs.replace(last, left_at=corrected)
        state.discharged_at = corrected


_APPLY: dict[type, Callable[[_State, Any], None]] = {
    PatientAdmitted: _admit,
    PatientTransferred: _transfer,
    PatientDischarged: _discharge,
    EncounterUpdated: _update,
}
