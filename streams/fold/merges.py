"""Who turned out to be who: merges of patients or of visits, followed to the end.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from schemas.events import AnyFact
from schemas.state import Patient

MergeOrder = tuple[Any, ...]


def merge_order(fact: AnyFact) -> tuple[datetime, datetime, str, str]:
    """Return what makes one merge later than another."""
    return (fact.occurred_at, fact.recorded_at, fact.source, fact.id)


def merges_of(patients: Iterable[Patient]) -> dict[str, tuple[str, MergeOrder]]:
    """Return what each merged patient token was merged into, and when; tokens that are not merged are left out."""
    return {
        patient.patient_token: (patient.merged_into, patient.merge_order)
        for patient in patients
        if patient.merged_into is not None and patient.merge_order is not None
    }


def resolve_merges(merges: Mapping[str, tuple[str, MergeOrder]]) -> dict[str, str]:
    """Return, for each that was merged away, what all its merges lead to.

    Parameters
    ----------
    merges : mapping of str to (str, MergeOrder)
        For each token or visit that was merged, what it was merged into and when.

    Returns
    -------
    dict of str to str
        What is not merged away is not in it.

    Notes
    -----
    Of merges that form a circle the latest count: the oldest one that would close it is left out.

    Examples
    --------
    >>> resolve({"a": ("b", (1,)), "b": ("c", (2,))})
    {'a': 'c', 'b': 'c'}
    >>> resolve({"a": ("b", (1,)), "b": ("a", (2,))})
    {'b': 'a'}
    """
    parent = merge_parents(merges)
    return {key: surviving_id(parent, key) for key in sorted(parent)}


def merge_parents(merges: Mapping[str, tuple[str, MergeOrder]]) -> dict[str, str]:
    """Return, for each that was merged away, what it was merged into directly; of a circle the oldest is left out."""
    parent: dict[str, str] = {}
    for key, (into, _) in sorted(merges.items(), key=lambda item: (item[1][1], item[0]), reverse=True):
        if surviving_id(parent, into) != key:
            parent[key] = into
    return parent


def surviving_id(parent: Mapping[str, str], key: str) -> str:
    """Return where the merges lead from here."""
    while key in parent:
        key = parent[key]
    return key
