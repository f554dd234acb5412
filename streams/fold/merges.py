"""Merges of patients or of encounters, followed to the one that remains."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from schemas.events import AnyFact
from schemas.state import Patient

MergeOrder = tuple[object, ...]

MAX_NUMBERS = 20
"""Further numbers of one chosen number."""


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


def links_of(patients: Iterable[Patient]) -> dict[str, tuple[str, ...]]:
    """Return, for each patient token that is a further number of a person, the tokens of the chosen numbers."""
    return {patient.patient_token: patient.links for patient in patients if patient.links}


def resolve_persons(merges: Mapping[str, tuple[str, MergeOrder]], links: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the person of each patient token, after all merges and links.

    Parameters
    ----------
    merges : mapping of str to (str, MergeOrder)
        As of `resolve_merges`.
    links : mapping of str to sequence of str
        For each further number, the tokens of the chosen numbers beside which PID-3 listed it.

    Returns
    -------
    dict of str to str
        Without the tokens that are their own person.

    Notes
    -----
    A link makes two tokens one person, whichever of them is merged and into whatever. The person has the token that
    others were merged into, else that of the chosen number. A chosen number with more than `MAX_NUMBERS` further ones
    is a placeholder: its links do not count.

    Examples
    --------
    >>> resolve_persons({}, {"b": ("a",)})
    {'b': 'a'}
    >>> resolve_persons({"b": ("c", (1,))}, {"b": ("a",)})
    {'a': 'c', 'b': 'c'}
    """
    parent = merge_parents(merges)
    pairs = _plausible(links)
    person = {token: surviving_id(parent, token) for token in {*parent, *parent.values(), *itertools.chain(*pairs)}}
    targets, merged = {into for _, into in pairs}, set(parent.values())
    further = {token for token, _ in pairs}

    def preference(token: str) -> tuple[bool, bool, bool, str]:
        return (token not in merged, token in further, token not in targets, token)

    joined: dict[str, str] = {}
    for token, into in pairs:
        one, other = (surviving_id(joined, person[each]) for each in (token, into))
        if one != other:
            kept, gone = sorted((one, other), key=preference)
            joined[gone] = kept
    found = {token: surviving_id(joined, survivor) for token, survivor in person.items()}
    return {token: found[token] for token in sorted(found) if found[token] != token}


def _plausible(links: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return the links as pairs, sorted, without those to a chosen number that has too many further ones."""
    pairs = sorted({(token, into) for token, all_into in links.items() for into in all_into if into != token})
    numbers = Counter(into for _, into in pairs)
    return [pair for pair in pairs if numbers[pair[1]] <= MAX_NUMBERS]


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
