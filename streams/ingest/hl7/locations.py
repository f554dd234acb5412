"""Locations of an ADT message (PL): point of care, room, bed and facility."""

from __future__ import annotations

from schemas.events import Location
from schemas.names import composed
from streams.ingest.hl7.fields import FieldReader, checked_text
from streams.ingest.hl7.mapping import BedNames


def location(reader: FieldReader, segment: str, number: int, nth: int = 0) -> Location | None:
    """Return a field's location, or None where it has neither unit, room nor bed: a facility alone does not count."""
    unit, room, bed = (composed(reader.field(segment, number, component, nth)) for component in (1, 2, 3))
    if unit is None and room is None and bed is None:
        return None
    mapping = reader.mapping
    unit = unit or mapping.default_unit
    return Location(
        facility_id=facility_of(reader, segment, number, nth),
        unit_id=mapping.units.get(unit, unit),
        room=room,
        bed_id=_bed_name(mapping.bed_names, f"{segment}-{number}.2 and {number}.3", room, bed),
    )


def _bed_name(rule: BedNames, where: str, room: str | None, bed: str | None) -> str | None:
    """Return the bed's name within its unit: beds A of two rooms are two beds."""
    if bed is None or room is None or rule is BedNames.BED or bed.startswith(f"{room}-"):
        return bed
    return checked_text(where, f"{room}-{bed}")


def facility_of(reader: FieldReader, segment: str, number: int, nth: int = 0) -> str:
    """Return the facility of a location as the mapping names it, else the one of the feed."""
    name = reader.field(segment, number, 4, nth)
    if name is None:  # it may have an OID only (PL.4.2)
        name = checked_text(f"{segment}-{number}.4.2", reader.message.get(segment, number, 4, 2, nth=nth))
    name = composed(name) or reader.mapping.default_facility or reader.field("MSH", 4) or "main"
    return reader.mapping.facilities.get(name, name)
