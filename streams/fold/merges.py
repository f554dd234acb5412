"""Merges of patients or of encounters, followed to the one that remains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from schemas.events import AnyFact
from schemas.state import Patient

MergeOrder = tuple[object, ...]


def merge_order(fact: AnyFact) -> tuple[datetime, datetime, str, str]:
    """Return the sort key by which one merge is later than another."""
    return (fact.occurred_at, fact.recorded_at, fact.source, fact.id)


def merges_of(patients: Iterable[Patient]) -> dict[str, tuple[str, MergeOrder]]:
    """Return, for each patient token that was merged, what it was merged into and when: input of `resolve_merges`.

    Examples
    --------
    >>> at = datetime(2026, 1, 1)
    >>> merged = Patient(patient_token="a", merged_into="b", merge_order=(at, at, "adt", "1"))
    >>> resolve_merges(merges_of([merged, Patient(patient_token="b")]))
    {'a': 'b'}
    """
    return {
        patient.patient_token: (patient.merged_into, patient.merge_order)
        for patient in patients
        if patient.merged_into is not None and patient.merge_order is not None
    }


def resolve_merges(merges: Mapping[str, tuple[str, MergeOrder]]) -> dict[str, str]:
    """Return, for each that was merged, the one that remains after all merges.

    Parameters
    ----------
    merges : mapping of str to (str, MergeOrder)
        For each token or encounter that was merged, what it was merged into and when.

    Returns
    -------
    dict of str to str
        Without those that were not merged.

    Notes
    -----
    Of merges that form a circle the oldest one is ignored.

    Examples
    --------
    >>> resolve_merges({"a": ("b", (1,)), "b": ("c", (2,))})
    {'a': 'c', 'b': 'c'}
    >>> resolve_merges({"a": ("b", (1,)), "b": ("a", (2,))})
    {'b': 'a'}
    """
    parent = merge_parents(merges)
    return {key: surviving_id(parent, key) for key in sorted(parent)}


def merge_parents(merges: Mapping[str, tuple[str, MergeOrder]]) -> dict[str, str]:
    """Return, for each that was merged, what it was merged into directly; the oldest merge of a circle is ignored."""
    parent: dict[str, str] = {}
    for key, (into, _) in sorted(merges.items(), key=lambda item: (item[1][1], item[0]), reverse=True):
        if surviving_id(parent, into) != key:
            parent[key] = into
    return parent


def surviving_id(parent: Mapping[str, str], key: str) -> str:
    """Follow the merges from a token or encounter to the one that remains."""
    while key in parent:
        key = parent[key]
    return key
