"""SQL of the links between parts of a stay and the stay: an index of the log, and which parts wait for their stay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection, Table, select

from schemas import tables
from streams.fold.parts import Link
from streams.store import bulk

_Rows = Iterable[tuple[str, str, bool]]
"""Name, target, and whether the name is a part of the target."""


def add_links(connection: Connection, links: Iterable[Link]) -> None:
    """Add links that are not known yet; a part waits until its stay is found."""
    rows = sorted({(link.name, link.target, link.is_part, link.is_part) for link in links})
    bulk.insert(connection, tables.part_link, rows, on_conflict="nothing")


def save_links(connection: Connection, waits: Mapping[Link, bool], table: Table = tables.part_link) -> None:
    """Write which parts wait for their stay."""
    rows = sorted((*link, is_waiting) for link, is_waiting in waits.items())
    bulk.insert(connection, table, rows, on_conflict="update")


def connected_by_parts(connection: Connection, names: Collection[str]) -> set[str]:
    """Return all encounters and parts that parts connect to these; most encounters have no parts."""
    if bulk.is_empty(connection, tables.part_link):
        return set()  # no FHIR feed
    found: set[str] = set()
    rows: set[tuple[str, str, bool]] = set()
    reached = set(names)
    while reached:
        found |= reached
        new: set[tuple[str, str, bool]] = set()
        for key in ("name", "target"):
            selected = bulk.select_by_key(connection, "name, target, is_part", tables.part_link, key, reached)
            new.update((name, target, bool(is_part)) for name, target, is_part in selected)
        rows |= new
        reached = {end for name, target, _ in new for end in (name, target)} - found
    return {name for group in _groups(rows) for name in group}


def stays_of_parts(connection: Connection, encounter_ids: Iterable[str]) -> dict[str, str]:
    """Return the stay of each part, directly or through others, of these encounters."""
    found: dict[str, str] = {}
    reached = {encounter_id: encounter_id for encounter_id in encounter_ids}
    while reached:
        rows = bulk.select_by_key(connection, "name, target", tables.part_link, "target", reached)
        reached = {name: reached[target] for name, target in rows if name not in found}
        found |= reached
    return found


def part_groups(connection: Connection, table: Table = tables.part_link) -> list[set[str]]:
    """Return each group of encounters and parts that parts connect; most logs hold none."""
    column = table.columns
    is_any = connection.execute(select(column.name).where(column.is_part).limit(1)).first()
    if is_any is None:
        return []
    rows = connection.execute(select(column.name, column.target, column.is_part))
    return _groups((row.name, row.target, row.is_part) for row in rows)


def _groups(rows: _Rows) -> list[set[str]]:
    """Return the names that links connect, group by group, without groups that hold no part."""
    beside: defaultdict[str, set[str]] = defaultdict(set)
    parts: set[str] = set()
    for name, target, is_part in rows:
        beside[name].add(target)
        beside[target].add(name)
        if is_part:
            parts.add(name)
    groups = []
    while parts:
        group: set[str] = set()
        left = {min(parts)}
        while left:
            group |= left
            left = {other for name in left for other in beside[name]} - group
        parts -= group
        groups.append(group)
    return groups


def join_groups(groups: Iterable[Collection[str]]) -> list[set[str]]:
    """Join groups that share an encounter."""
    group_of: dict[str, set[str]] = {}
    for group in groups:
        whole = set(group).union(*(group_of[name] for name in group if name in group_of))
        group_of |= dict.fromkeys(whole, whole)
    return list({id(group): group for group in group_of.values()}.values())
