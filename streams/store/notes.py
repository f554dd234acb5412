"""SQL of what is noted when a fact comes in, so that nobody reads the whole log for it later.

Noted are ids that a source used twice, places, and merges of encounters. Facts are only added, so a note stays true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import chain

from sqlalchemy import Connection, select

from schemas import tables
from schemas.events import is_bed_subject
from streams.store import bulk
from streams.store.changes import FactKey, FactRow, Place

SharedId = tuple[str, str, str]
"""Source, id and subject."""


def add(
    connection: Connection,
    places: Collection[Place],
    encounter_merges: Collection[tuple[str, str]],
    unreadable: Collection[tuple[str, str]],
) -> None:
    """Note places, merges of encounters and fields that are not valid; what is noted already is left out."""
    bulk.insert(connection, tables.place, sorted(places), on_conflict="nothing")
    bulk.insert(connection, tables.encounter_merge, sorted(encounter_merges), on_conflict="nothing")
    bulk.insert(connection, tables.unreadable_field, sorted(unreadable), on_conflict="nothing")


def add_shared_ids(connection: Connection, rows: Iterable[FactRow], in_log: Iterable[FactKey]) -> None:
    """Note the ids of these facts that other facts, in the log or among these, have too.

    Two workers that write facts with one id at the same instant do not see each other; a rebuild notes such an id.
    """
    bulk.insert(connection, tables.shared_id, sorted(shared_ids(rows, in_log)), on_conflict="nothing")


def keys_with_ids_of(connection: Connection, rows: Iterable[FactRow]) -> list[FactKey]:
    """Return the keys of the facts in the log that have the source and the id of one of these."""
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        ids[row.source].append(row.event_id)
    columns, key = "subject, source, event_id, digest", ("source", "event_id")
    return [FactKey(*found) for found in bulk.select_by_two(connection, columns, tables.fact, key, ids)]


def shared_ids(rows: Iterable[FactRow], in_log: Iterable[FactKey]) -> set[SharedId]:
    """Return the ids that a source used for several subjects, or for several reports on one bed.

    Two contents under one id about one encounter or one patient are found from its state instead.

    Parameters
    ----------
    rows : iterable of FactRow
        New facts.
    in_log : iterable of FactKey
        Facts in the log with one of their ids.
    """
    new, known = list(rows), list(in_log)
    if not known and len({(row.source, row.event_id) for row in new}) == len(new):
        return set()  # nearly always
    using: dict[tuple[str, str], set[tuple[str, int]]] = {}
    for row in chain[FactRow | FactKey](new, known):
        using.setdefault((row.source, row.event_id), set()).add(_use(row.subject, row.digest))
    return {(*key, subject) for key, uses in using.items() if len(uses) > 1 for subject, _ in uses}


def _use(subject: str, digest: int) -> tuple[str, int]:
    return (subject, digest if is_bed_subject(subject) else 0)


def merge_groups(connection: Connection) -> list[set[str]]:
    """Return each group of encounters that merges, done or undone, connect."""
    note = tables.encounter_merge.columns
    return groups(tuple(row) for row in connection.execute(select(note.encounter_id, note.merged_into)))


def groups(merges: Iterable[tuple[str, ...]]) -> list[set[str]]:
    """Return the groups that pairs of encounters form.

    Examples
    --------
    >>> [sorted(group) for group in groups([("a", "b"), ("c", "d"), ("b", "e")])]
    [['a', 'b', 'e'], ['c', 'd']]
    """
    together: dict[str, set[str]] = {}
    for away, into in merges:
        one, other = (together.setdefault(key, {key}) for key in (away, into))
        if one is not other:
            one |= other
            together |= dict.fromkeys(other, one)
    return list({id(group): group for group in together.values()}.values())


def connected_by_merges(connection: Connection, encounter_ids: Iterable[str]) -> set[str]:
    """Return all encounters that merges, done or undone, connect to these, without those that no merge names."""
    found: set[str] = set()
    reached = set(encounter_ids)
    while reached:
        ends: set[str] = set()
        for key in ("encounter_id", "merged_into"):
            rows = bulk.select_by_key(connection, "encounter_id, merged_into", tables.encounter_merge, key, reached)
            ends.update(end for row in rows for end in row)
        reached = ends - found
        found |= ends
    return found
