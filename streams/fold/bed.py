"""The fold of a bed: the latest of all statuses reported for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from schemas.events import BedStatusChanged, PatientClass, digest, encode_fact

PASSING = frozenset({PatientClass.OUTPATIENT, PatientClass.RECURRING, PatientClass.PREADMIT})
"""Classes of day patients: an encounter of such a class does not end an overnight stay."""


def latest_report(facts: Iterable[BedStatusChanged]) -> BedStatusChanged:
    """Return the latest status report of one bed, whatever the order in which the reports are given."""
    reports = list(facts)
    return reports[0] if len(reports) == 1 else max(reports, key=report_order)


def report_order(fact: BedStatusChanged) -> tuple[datetime, datetime, str, str, int]:
    """Return the sort key by which one report is later than another; the digest decides between contents of one id."""
    return (fact.occurred_at, fact.recorded_at, fact.source, fact.id, digest(encode_fact(fact)))
