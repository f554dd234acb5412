"""The table of labels: one row for each encounter, with its verdict, its reason, and doubts about its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from models.labels.code_sets import principal_diagnosis
from models.labels.episodes import came_at
from models.labels.quality import flags
from models.labels.rules import Definition
from models.labels.verdicts import Outcome, Verdict, verdicts
from schemas.dispositions import disposition_code
from schemas.state import Encounter


class LabelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One encounter. Times are aware UTC; `month` and `days_to_readmission` go by the date at the hospital."""

    encounter_id: str
    person_token: str
    facility_id: str | None
    unit_id: str | None
    """The unit that the patient left."""
    patient_class: str
    age_years: int | None
    admitted_at: datetime | None
    inpatient_from: datetime | None
    discharged_at: datetime | None
    month: str | None
    """Of the discharge: `2026-03`."""
    discharge_disposition: str | None
    principal_diagnosis: str | None
    condition: str | None
    """CCS category of the principal diagnosis with its name; without code sets the first three characters."""
    episode_id: str | None
    """The first stay of the episode."""
    leg: int | None
    legs: int | None
    is_index_admission: bool
    reason: str | None
    """Why the encounter is not an index stay."""
    outcome: str | None
    readmitted: bool | None
    """The label: whether the outcome counts."""
    readmission_encounter_id: str | None
    """The first return within 30 days, planned or not."""
    readmitted_at: datetime | None
    days_to_readmission: int | None
    is_planned: bool | None
    """Whether the return was planned; None without a return, or if it is not known."""
    plan_reason: str | None
    died_at: datetime | None
    data_quality: tuple[str, ...]


def label_rows(
    histories: Mapping[str, Sequence[Encounter]],
    definition: Definition,
    died_at: Mapping[str, datetime],
    followed_until: datetime | None,
) -> list[LabelRow]:
    """Return a row for each encounter, by discharge.

    Parameters
    ----------
    histories : mapping of str to sequence of Encounter
        All encounters of each person, by person token.
    definition : Definition
        The variant, the hospital and the code sets.
    died_at : mapping of str to datetime
        Deaths reported apart from a discharge, by person token.
    followed_until : datetime or None
        Time until which all returns are known; None if all 30 days are over.
    """
    rows = [
        _row(token, verdict, history, definition)
        for token, history in histories.items()
        for verdict in verdicts(history, definition, died_at=died_at.get(token), followed_until=followed_until)
    ]
    last = datetime.max.replace(tzinfo=UTC)
    return sorted(rows, key=lambda row: (row.discharged_at or last, row.encounter_id))


def _row(token: str, verdict: Verdict, history: Sequence[Encounter], definition: Definition) -> LabelRow:
    stay, back, plan = verdict.stay, verdict.returned, verdict.plan
    place, left = stay.location, stay.discharged_at
    principal = principal_diagnosis(stay)
    return LabelRow(
        encounter_id=stay.encounter_id,
        person_token=token,
        facility_id=place.facility_id if place else None,
        unit_id=place.unit_id if place else None,
        patient_class=stay.patient_class.value,
        age_years=stay.age_years,
        admitted_at=stay.admitted_at,
        inpatient_from=stay.inpatient_from,
        discharged_at=left,
        month=f"{left.astimezone(definition.zone_of_discharge(stay)):%Y-%m}" if left else None,
        discharge_disposition=disposition_code(stay.discharge_disposition),
        principal_diagnosis=principal.code if principal else None,
        condition=condition(stay, definition),
        episode_id=verdict.episode_id,
        leg=verdict.leg,
        legs=verdict.legs,
        is_index_admission=verdict.is_index,
        reason=verdict.exclusion.value if verdict.exclusion else None,
        outcome=verdict.outcome.value if verdict.outcome else None,
        readmitted=verdict.is_readmitted,
        readmission_encounter_id=back.encounter_id if back else None,
        readmitted_at=came_at(back, definition) if back else None,
        days_to_readmission=verdict.days_to_return,
        is_planned=plan.planned if plan else None,
        plan_reason=plan.value if plan else None,
        died_at=verdict.died_at,
        data_quality=tuple(flag.value for flag in flags(verdict, history, definition)),
    )


def condition(stay: Encounter, definition: Definition) -> str | None:
    """Return the group of the principal diagnosis; None without one."""
    principal = principal_diagnosis(stay)
    if principal is None:
        return None
    codes = definition.codes
    category = None if codes is None else codes.ccs_of_diagnosis(principal)
    if codes is None or category is None:
        return principal.code.replace(".", "")[:3].upper()
    return f"CCS {category} {codes.diagnosis_names.get(category, '')}".rstrip()


def outcome_name(rows: Iterable[LabelRow], definition: Definition) -> str:
    """Return what the rate may be called: "unplanned" only if of every return it is known whether it was planned."""
    returns = [row for row in rows if row.is_index_admission and row.readmission_encounter_id is not None]
    known = definition.codes is not None and bool(returns) and all(row.is_planned is not None for row in returns)
    name = "unplanned readmission" if known else "all-cause readmission"
    return f"{name} or death" if definition.rules.or_death else name


def counts(row: LabelRow, name: str) -> bool:
    """Return whether the outcome of an index stay counts in a rate of this name."""
    if row.readmission_encounter_id is not None and name.startswith("all-cause"):
        return True
    return row.outcome in (Outcome.READMITTED, Outcome.DIED)


class LabelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of a table of labels."""

    rules: str
    definition: str
    outcome_name: str
    followed_until: datetime | None
    encounters: int
    index_stays: int
    reasons: dict[str, int]
    outcomes: dict[str, int]
    data_quality: dict[str, int]


def summarise(rows: Sequence[LabelRow], definition: Definition, followed_until: datetime | None) -> LabelSummary:
    """Return the numbers of a table."""
    return LabelSummary(
        rules=definition.rules.name,
        definition=definition.rules.in_words(),
        outcome_name=outcome_name(rows, definition),
        followed_until=followed_until,
        encounters=len(rows),
        index_stays=sum(row.is_index_admission for row in rows),
        reasons=_sorted(Counter(row.reason for row in rows if row.reason)),
        outcomes=_sorted(Counter(row.outcome for row in rows if row.outcome)),
        data_quality=_sorted(Counter(flag for row in rows for flag in row.data_quality)),
    )


def _sorted(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
