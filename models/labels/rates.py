"""Rates of readmission by group, with intervals, and observed against expected with the limits of a funnel plot.

References
----------
Spiegelhalter (2005), Funnel plots for comparing institutional performance, Statistics in Medicine 24, 1185-1202.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from models.labels.intervals import Z_95, Z_998, limits_of_events, wilson
from models.labels.table import LabelRow, counts
from schemas.dispositions import WORDS

UNKNOWN = "not reported"


class By(StrEnum):
    """What rates are grouped by."""

    MONTH = "month"
    FACILITY = "facility"
    UNIT = "unit"
    DISPOSITION = "disposition"
    CONDITION = "condition"


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """Observed over expected readmissions, of the index stays that were scored at the discharge."""

    stays: int
    observed: int
    expected: float
    """Sum of the risks at discharge."""
    ratio: float | None
    """Observed over expected; None if no readmission is expected."""
    limits_95: tuple[float, float] | None
    """Funnel limits: a group for which the risks are right is beyond each with a probability of at most 2.5%."""
    limits_998: tuple[float, float] | None
    """The same with at most 0.1%."""
    signal: str
    """`higher` or `lower` beyond the limits of 99.8%, `warning_higher` or `warning_lower` beyond 95%, else `none`."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Readmissions of a group of index stays."""

    group: str
    index_stays: int
    readmissions: int
    """Outcomes that count, by the name of the rate."""
    rate: float | None
    interval_95: tuple[float, float] | None
    """Wilson."""
    planned: int
    """Returns that are known to be planned."""
    not_known: int
    """Returns of which it is not known whether they were planned."""
    against_expected: Ratio | None
    """None where no stay of the group was scored at the discharge."""


def rate_of(group: str, rows: Sequence[LabelRow], name: str, risks: Mapping[str, float]) -> Rate:
    """Return the rate of one group.

    Parameters
    ----------
    group : str
        Its name.
    rows : sequence of LabelRow
        Index stays.
    name : str
        Name of the rate, as `outcome_name` gives it: it says which returns count.
    risks : mapping of str to float
        Risk at the discharge, by encounter.
    """
    events = sum(counts(row, name) for row in rows)
    returns = [row for row in rows if row.readmission_encounter_id is not None]
    return Rate(
        group=group,
        index_stays=len(rows),
        readmissions=events,
        rate=events / len(rows) if rows else None,
        interval_95=wilson(events, len(rows)),
        planned=sum(row.is_planned is True for row in returns),
        not_known=sum(row.is_planned is None for row in returns),
        against_expected=_ratio([row for row in rows if row.encounter_id in risks], risks),
    )


def rates_by(by: By, rows: Sequence[LabelRow], name: str, risks: Mapping[str, float]) -> list[Rate]:
    """Return the rate of each group: months in order of time, all others by the number of index stays."""
    groups: dict[str, list[LabelRow]] = defaultdict(list)
    for row in rows:
        groups[group_of(by, row)].append(row)
    found = [rate_of(group, members, name, risks) for group, members in groups.items()]
    if by is By.MONTH:
        return sorted(found, key=lambda rate: rate.group)
    return sorted(found, key=lambda rate: (-rate.index_stays, rate.group))


def group_of(by: By, row: LabelRow) -> str:
    """Return the name of the group that a row belongs to."""
    match by:
        case By.MONTH:
            return row.month or UNKNOWN
        case By.FACILITY:
            return row.facility_id or UNKNOWN
        case By.UNIT:
            return f"{row.facility_id}/{row.unit_id}" if row.unit_id else UNKNOWN
        case By.DISPOSITION:
            code = row.discharge_disposition
            return UNKNOWN if code is None else f"{code} {WORDS.get(code, '')}".rstrip()
        case By.CONDITION:
            return row.condition or UNKNOWN


def _ratio(rows: Sequence[LabelRow], risks: Mapping[str, float]) -> Ratio | None:
    if not rows:
        return None
    expected_of = [risks[row.encounter_id] for row in rows]
    observed, expected = sum(row.readmitted is True for row in rows), sum(expected_of)
    inner = limits_of_events(expected_of, 0.025, Z_95)
    outer = limits_of_events(expected_of, 0.001, Z_998)
    return Ratio(
        stays=len(rows),
        observed=observed,
        expected=expected,
        ratio=observed / expected if expected > 0 else None,
        limits_95=(inner[0] / expected, inner[1] / expected) if expected > 0 else None,
        limits_998=(outer[0] / expected, outer[1] / expected) if expected > 0 else None,
        signal=_signal(observed, inner, outer),
    )


def _signal(observed: int, inner: tuple[float, float], outer: tuple[float, float]) -> str:
    for word, (low, high) in (("", outer), ("warning_", inner)):
        if observed > high:
            return f"{word}higher"
        if observed < low:
            return f"{word}lower"
    return "none"
