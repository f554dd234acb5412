"""Short ways to write facts in tests: times in hours after T0, places as unit/bed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import events
from schemas.events import BedStatus, Location

T0 = datetime(2026, 3, 2, tzinfo=UTC)


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def place(text: str) -> Location:
    """`4W/01` is bed 01 of unit 4W, `4W` the unit without a bed."""
    unit_id, _, bed_id = text.partition("/")
    return Location(facility_id="HG", unit_id=unit_id, bed_id=bed_id or None)


def _envelope(kind: str, hours: float, encounter: str, patient: str, fact_id: str | None) -> Any:
    return {
        "id": fact_id or f"{kind}-{encounter}-{hours}",
        "source": "test",
        "subject": encounter,
        "occurred_at": at(hours),
        "recorded_at": at(hours),
        "partition_key": patient,
    }


def admit(
    hours: float, where: str | None = "4W/01", *, e: str = "E1", p: str = "P1", id: str | None = None, **data: Any
) -> events.PatientAdmitted:
    location = place(where) if where else None
    return events.PatientAdmitted(**_envelope("admit", hours, e, p, id), data=events.Details(location=location, **data))


def transfer(
    hours: float, where: str | None, *, e: str = "E1", p: str = "P1", id: str | None = None, **data: Any
) -> events.PatientTransferred:
    location = place(where) if where else None
    return events.PatientTransferred(
        **_envelope("transfer", hours, e, p, id), data=events.Details(location=location, **data)
    )


def discharge(
    hours: float, disposition: str | None = "01", *, e: str = "E1", p: str = "P1", id: str | None = None, **data: Any
) -> events.PatientDischarged:
    return events.PatientDischarged(
        **_envelope("discharge", hours, e, p, id),
        data=events.DischargeDetails(discharge_disposition=disposition, **data),
    )


def update(
    hours: float, where: str | None = None, *, e: str = "E1", p: str = "P1", id: str | None = None, **data: Any
) -> events.EncounterUpdated:
    location = place(where) if where else None
    return events.EncounterUpdated(
        **_envelope("update", hours, e, p, id), data=events.UpdateDetails(location=location, **data)
    )


def observe(
    hours: float,
    code: str = "718-7",
    value: float | None = 11.2,
    *,
    e: str = "E1",
    p: str = "P1",
    id: str | None = None,
    **data: Any,
) -> events.ObservationReported:
    details = events.ObservationDetails(code=code, value=value, **data)
    return events.ObservationReported(**_envelope(f"observe-{code}-{value}", hours, e, p, id), data=details)


def cancel_admission(
    hours: float, *, e: str = "E1", p: str = "P1", cancels: str | None = None
) -> events.AdmissionCancelled:
    return events.AdmissionCancelled(
        **_envelope("cancel-admission", hours, e, p, None), data=events.CancelDetails(cancels=cancels)
    )


def cancel_transfer(
    hours: float, *, e: str = "E1", p: str = "P1", cancels: str | None = None
) -> events.TransferCancelled:
    return events.TransferCancelled(
        **_envelope("cancel-transfer", hours, e, p, None), data=events.CancelDetails(cancels=cancels)
    )


def cancel_discharge(
    hours: float, *, e: str = "E1", p: str = "P1", cancels: str | None = None
) -> events.DischargeCancelled:
    return events.DischargeCancelled(
        **_envelope("cancel-discharge", hours, e, p, None), data=events.CancelDetails(cancels=cancels)
    )


def bed(hours: float, where: str, status: str, reason: str | None = None) -> events.BedStatusChanged:
    location = place(where)
    subject = events.bed_subject(location)
    return events.BedStatusChanged(
        **_envelope(f"bed-{status}", hours, subject, subject, None),
        data=events.BedDetails(location=location, status=BedStatus(status), reason=reason),
    )


def said(
    kind: type[Any],
    hours: float,
    where: str | None = None,
    *,
    e: str = "E1",
    p: str = "P1",
    id: str | None = None,
    **data: Any,
) -> Any:
    """Any other fact about an encounter, by its type."""
    content = kind.__annotations__["data"]
    details = getattr(events, content) if isinstance(content, str) else content
    if where is not None:
        data["location"] = place(where)
    return kind(**_envelope(kind.__name__, hours, e, p, id), data=details(**data))


def of_patient(kind: type[Any], hours: float, p: str, *, id: str | None = None, **data: Any) -> Any:
    """A fact whose subject is a patient."""
    return said(kind, hours, e=events.patient_subject(p), p=p, id=id, **data)


def merge(hours: float, away: str, into: str, *, id: str | None = None) -> events.PatientsMerged:
    fact: events.PatientsMerged = of_patient(events.PatientsMerged, hours, away, id=id, into=into)
    return fact


def unmerge(
    hours: float, away: str, *, id: str | None = None, apart_from: str | None = None
) -> events.PatientsUnmerged:
    fact: events.PatientsUnmerged = of_patient(events.PatientsUnmerged, hours, away, id=id, apart_from=apart_from)
    return fact


def part(
    hours: float,
    name: str,
    of: str | None,
    *places: tuple[str, float, float | None],
    p: str = "P1",
    id: str | None = None,
    **data: Any,
) -> events.EncounterPartReported:
    """A part of a stay, as recorded at an hour: where the patient was, from and until which hour.

    `of` with a # is a resource, a part or the stay; without it a visit number.
    """
    whole = None if of is None else events.part_subject("test", of.lstrip("#")) if of.startswith("#") else of
    return events.EncounterPartReported(
        **_envelope("part", hours, events.part_subject("test", name), p, id or f"{name}-{hours}"),
        data=events.PartDetails(
            part_of=whole,
            placements=tuple(
                events.Placement(location=place(where), since=at(since), until=None if until is None else at(until))
                for where, since, until in places
            ),
            version_of=name,
            **data,
        ),
    )
