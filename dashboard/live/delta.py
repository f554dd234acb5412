"""The difference between two boards: only the cards and tiles that differ. Pure."""

from __future__ import annotations

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
