"""What each kind of fact changes in the encounter that is built: a function for each, and the table of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar, cast

from schemas.events import (
    AdmissionCancelled,
    AdmissionPending,
    CancelDetails,
    DeleteDetails,
    Details,
    DischargeDetails,
    DischargePending,
    EncounterDeleted,
    EncounterMoved,
    EncounterUpdated,
    LeaveEnded,
    LeaveStarted,
    Location,
    MoveDetails,
    PatientAdmitted,
    PatientArrived,
    PatientClassChanged,
    PatientDeparted,
    PatientDischarged,
    PatientPreadmitted,
    PatientRegistered,
    PatientTransferred,
    PendingAdmissionCancelled,
    PendingDetails,
    PreadmissionCancelled,
    TrackingDetails,
    TransferPending,
    UpdateDetails,
)
from schemas.state import Problem, UnitStay
from streams.fold.effects import Effect, FactOrEffect
from streams.fold.encounter_builder import EncounterBuilder, in_utc

_D = TypeVar("_D")
_D_co = TypeVar("_D_co", covariant=True)


class Occurrence(Protocol[_D_co]):
    """A fact, or the effect of one, with details of the type that its kind has."""

    @property
    def occurred_at(self) -> datetime:
        """When it happened."""

    @property
    def data(self) -> _D_co:
        """Its details."""


Transition = Callable[[EncounterBuilder, FactOrEffect], None]


def _transition(
    kind: type[Occurrence[_D]], apply: Callable[[EncounterBuilder, Occurrence[_D]], None]
) -> tuple[type, Transition]:
    """Return a row of the table; the type checker verifies that the function takes facts of this kind."""
    return kind, cast("Transition", apply)


def _apply_effect(builder: EncounterBuilder, effect: Effect) -> None:
    TRANSITIONS[effect.kind](builder, effect)


def _plan(builder: EncounterBuilder, fact: Occurrence[PendingDetails]) -> None:
    at, data = fact.occurred_at, fact.data
    if builder.admitted_at is not None or builder.discharged_at is not None or builder.unit_stays:
        builder.problem(Problem.PLANNED_AFTER_ADMISSION)
        return
    builder.note(at, data)
    builder.planned = True
    builder.deleted = builder.cancelled = False
    builder.expected_admission_at = in_utc(data.expected_at)
    builder.reserve(data.location, at, data.expected_at)


def _admit(builder: EncounterBuilder, fact: Occurrence[Details]) -> None:
    at, data = fact.occurred_at, fact.data
    builder.note(at, data, changes_class=True)
    if builder.discharged_at is None:
        if builder.admitted_by not in (None, at) and not _repeats_beginning(builder, data):
            builder.problem(Problem.ADMITTED_TWICE)
        elif builder.admitted_at is None and builder.unit_stays:
            builder.problem(Problem.MOVED_BEFORE_ADMISSION)
    _begin(builder, fact)
    if builder.admitted_by is None:
        builder.admitted_by = at


def _register(builder: EncounterBuilder, fact: Occurrence[Details]) -> None:
    at, data = fact.occurred_at, fact.data
    builder.note(at, data, changes_class=True)
    if builder.discharged_at is None:
        if builder.admitted_at not in (None, at) and not _repeats_beginning(builder, data):
            builder.problem(Problem.REGISTERED_TWICE)
        elif builder.admitted_at is None and builder.unit_stays:
            builder.problem(Problem.MOVED_BEFORE_ADMISSION)
    _begin(builder, fact)


def _repeats_beginning(builder: EncounterBuilder, data: Details) -> bool:
    """Return whether a further admission says itself that it goes on with the visit that has begun: PV1-44."""
    return data.begun_at is not None and data.begun_at == builder.admitted_at


def _begin(builder: EncounterBuilder, fact: Occurrence[Details]) -> None:
    """Begin the stay, or go on with it after a discharge."""
    at, data = fact.occurred_at, fact.data
    if builder.discharged_at is not None:
        reopened = builder.admitted_at is not None
        builder.problem(Problem.ADMITTED_AFTER_DISCHARGE if reopened else Problem.DISCHARGED_BEFORE_ADMISSION)
        builder.discharged_at = builder.discharge_disposition = None
    if builder.admitted_at is None:
        builder.admitted_at = at
    builder.deleted = builder.cancelled = builder.planned = False
    builder.reservation = builder.expected_admission_at = None
    if data.location is not None:
        builder.move(data.location, at, _dated_back_from(fact))


def _dated_back_from(fact: Occurrence[Details]) -> datetime | None:
    """Return when an admission was reported to happen, where it counts from PV1-44; else None."""
    if type(fact) is not Effect or fact.data.begun_at != fact.occurred_at:
        return None
    reported_at = fact.source_fact.occurred_at
    return reported_at if reported_at > fact.occurred_at else None


def _change_class(builder: EncounterBuilder, fact: Occurrence[Details]) -> None:
    at, data = fact.occurred_at, fact.data
    builder.note(at, data, changes_class=True)
    if builder.deleted:
        builder.problem(Problem.REPORTED_AFTER_DELETION)
    if data.location is not None:
        _move(builder, data.location, at)


def _transfer(builder: EncounterBuilder, fact: Occurrence[Details]) -> None:
    at, data = fact.occurred_at, fact.data
    builder.note(at, data)
    if data.location is None:
        builder.problem(Problem.TRANSFER_WITHOUT_LOCATION)
    else:
        _move(builder, data.location, at)
        builder.reservation = None


def _move(builder: EncounterBuilder, location: Location, at: datetime) -> None:
    builder.planned = False
    if builder.discharged_at is not None:
        builder.problem(Problem.MOVED_AFTER_DISCHARGE)
    elif builder.deleted:
        builder.problem(Problem.REPORTED_AFTER_DELETION)
    else:
        builder.cancelled = False
        builder.move(location, at)


def _depart(builder: EncounterBuilder, fact: Occurrence[TrackingDetails]) -> None:
    """Tracking moves the patient without a transfer; a temporary location leaves the bed as it is."""
    at, data = fact.occurred_at, fact.data
    builder.note(at, data)
    if data.location is not None:
        _move(builder, data.location, at)
    location = data.temporary_location
    if location is not None and builder.discharged_at is None:
        builder.temporary_place = UnitStay(
            facility_id=location.facility_id,
            unit_id=location.unit_id,
            arrived_at=at,
            room=location.room,
            bed_id=location.bed_id,
        )


def _arrive(builder: EncounterBuilder, fact: Occurrence[TrackingDetails]) -> None:
    _depart(builder, fact)
    if fact.data.temporary_location is None or builder.discharged_at is not None:
        builder.temporary_place = None


def _start_leave(builder: EncounterBuilder, fact: Occurrence[Details]) -> None:
    at, data = fact.occurred_at, fact.data
    builder.note(at, data)
    if builder.here:
        builder.on_leave_since = at
    else:
        builder.problem(Problem.LEAVE_WHILE_NOT_HERE)


def _end_leave(builder: EncounterBuilder, fact: Occurrence[Details]) -> None:
    at, data = fact.occurred_at, fact.data
    builder.note(at, data)
    if builder.on_leave_since is None:
        builder.problem(Problem.RETURN_WITHOUT_LEAVE)
    builder.on_leave_since = None
    if data.location is not None:
        _move(builder, data.location, at)


def _expect_transfer(builder: EncounterBuilder, fact: Occurrence[PendingDetails]) -> None:
    at, data = fact.occurred_at, fact.data
    builder.note(at, data)
    if builder.here:
        builder.reserve(data.location, at, data.expected_at)
    else:
        builder.problem(Problem.PENDING_WHILE_NOT_HERE)


def _expect_discharge(builder: EncounterBuilder, fact: Occurrence[PendingDetails]) -> None:
    at, data = fact.occurred_at, fact.data
    builder.note(at, data)
    if not builder.here:
        builder.problem(Problem.PENDING_WHILE_NOT_HERE)
    elif data.expected_at is not None:
        builder.expected_discharge_at = data.expected_at.astimezone(UTC)


def _discharge(builder: EncounterBuilder, fact: Occurrence[DischargeDetails]) -> None:
    at, data = fact.occurred_at, fact.data
    builder.note(at, data)
    _note_disposition(builder, data)
    builder.planned = False
    if builder.deleted:
        builder.problem(Problem.REPORTED_AFTER_DELETION)
        return
    if builder.discharged_at is not None:
        if builder.discharged_at != at:
            builder.problem(Problem.DISCHARGED_TWICE)
        return
    builder.discharged_at = at
    builder.leave(at)


def _update(builder: EncounterBuilder, fact: Occurrence[UpdateDetails]) -> None:
    at, data = fact.occurred_at, fact.data
    builder.note(at, data)
    if builder.discharged_at is not None:
        _note_disposition(builder, data)
    elif builder.planned:
        if data.location is not None:
            builder.reserve(data.location, at, builder.expected_admission_at)
    elif builder.deleted:
        builder.problem(Problem.REPORTED_AFTER_DELETION)
    elif data.discharged_at is not None and _is_after_the_stay(builder, at, data.discharged_at):
        builder.discharged_at = in_utc(data.discharged_at)
        _note_disposition(builder, data)
    elif data.location is not None and builder.cancelled:
        builder.problem(Problem.REPORTED_AFTER_CANCELLATION)
    elif data.location is not None:
        builder.move(data.location, at)


def _is_after_the_stay(builder: EncounterBuilder, at: datetime, left_at: datetime) -> bool:
    """Return whether the encounter is known only by an update after its end, such as a bill: it claims no bed."""
    return left_at <= at and builder.admitted_at is None and not builder.unit_stays


def _note_disposition(builder: EncounterBuilder, data: DischargeDetails) -> None:
    if data.discharge_disposition is not None:
        builder.discharge_disposition = data.discharge_disposition


def _cancel(builder: EncounterBuilder, fact: Occurrence[CancelDetails]) -> None:  # noqa: ARG001
    """Mark the encounter as cancelled, unless an admission or a plan is left."""
    builder.cancelled = builder.admitted_at is None and not builder.planned


def _delete(builder: EncounterBuilder, fact: Occurrence[DeleteDetails]) -> None:  # noqa: ARG001
    builder.reset()
    builder.deleted = True


def _ignore(builder: EncounterBuilder, fact: Occurrence[MoveDetails]) -> None:
    """Change nothing: `streams.fold.owner` determines whose encounter it is."""


TRANSITIONS: dict[type, Transition] = dict(
    [
        _transition(PatientPreadmitted, _plan),
        _transition(AdmissionPending, _plan),
        _transition(PatientRegistered, _register),
        _transition(PatientAdmitted, _admit),
        _transition(PatientClassChanged, _change_class),
        _transition(PatientTransferred, _transfer),
        _transition(PatientDeparted, _depart),
        _transition(PatientArrived, _arrive),
        _transition(LeaveStarted, _start_leave),
        _transition(LeaveEnded, _end_leave),
        _transition(EncounterUpdated, _update),
        _transition(TransferPending, _expect_transfer),
        _transition(DischargePending, _expect_discharge),
        _transition(PatientDischarged, _discharge),
        _transition(AdmissionCancelled, _cancel),
        _transition(PreadmissionCancelled, _cancel),
        _transition(PendingAdmissionCancelled, _cancel),
        _transition(EncounterDeleted, _delete),
        _transition(EncounterMoved, _ignore),
        (Effect, cast("Transition", _apply_effect)),
    ]
)
"""By kind of fact. Cancels that are not here remove facts before any is applied (`streams.fold.cancels`)."""
