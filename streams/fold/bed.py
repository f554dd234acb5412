"""The fold of a bed: of all statuses reported for it, the latest.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from schemas.events import BedStatusChanged, PatientClass, digest, encode_fact

PASSING = frozenset({PatientClass.OUTPATIENT, PatientClass.RECURRING, PatientClass.PREADMIT})
"""Classes whose patients come and go by day: such a visit never ends an overnight stay."""


def latest_report(facts: Iterable[BedStatusChanged]) -> BedStatusChanged:
    """Return the fact that counts among those on one bed, whatever their order: the fold of a bed is its maximum."""
    return max(facts, key=report_order)


def report_order(fact: BedStatusChanged) -> tuple[datetime, datetime, str, str, int]:
    """Return what makes one word on a bed later than another; of two contents under one id the digest decides."""
    return (fact.occurred_at, fact.recorded_at, fact.source, fact.id, digest(encode_fact(fact)))
