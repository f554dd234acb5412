"""The difference between two boards: only the cards and tiles that differ, and several such steps as one. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dashboard.live.wire import Board, BoardUnit, UnitChange


def changes(old: Board, new: Board) -> tuple[UnitChange, ...] | None:
    """Return what changed from `old` to `new`, or None when units came or went and a snapshot is needed.

    Applying the changes to `old` gives the units of `new`; equal boards give ().
    """
    if [unit.card.key for unit in old.units] != [unit.card.key for unit in new.units]:
        return None
    pairs = zip(old.units, new.units, strict=True)
    return tuple(change for change in (_change(before, after) for before, after in pairs) if change is not None)


def _change(old: BoardUnit, new: BoardUnit) -> UnitChange | None:
    if old == new:
        return None
    card = new.card if new.card != old.card else None
    if [tile.id for tile in old.tiles] != [tile.id for tile in new.tiles]:
        return UnitChange(key=new.card.key, card=card, tiles=new.tiles, whole=True)
    differing = tuple(after for before, after in zip(old.tiles, new.tiles, strict=True) if before != after)
    return UnitChange(key=new.card.key, card=card, tiles=differing)


def merged(steps: Iterable[tuple[UnitChange, ...]]) -> tuple[UnitChange, ...]:
    """Merge several steps into one, with the latest value of each card and tile.

    Every value is whole, not a difference: applying a step twice is idempotent.
    """
    units: dict[str, UnitChange] = {}
    for change in (change for step in steps for change in step):
        known = units.get(change.key)
        if known is None or (change.whole and change.card is not None):
            units[change.key] = change
            continue
        tiles = {} if change.whole else {tile.id: tile for tile in known.tiles}
        tiles |= {tile.id: tile for tile in change.tiles}
        card = change.card or known.card
        units[change.key] = UnitChange(
            key=change.key, card=card, tiles=tuple(tiles.values()), whole=change.whole or known.whole
        )
    return tuple(units.values())
