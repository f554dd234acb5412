"""Table of what contradicts each other: a column for each content, a row for each field; differences are marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from dash import html

from dashboard.components.attributes import data
from dashboard.components.wording import fact_in_words
from schemas.events import AnyFact, Location
from schemas.local_time import moment
from schemas.state import Encounter

PlaceInWords = Callable[[str | None, str | None, str | None], str]


def side_by_side(
    sides: Sequence[AnyFact | Encounter], *, place: PlaceInWords, zone: ZoneInfo
) -> list[html.H3 | html.Div]:
    """Return the table with its heading; nothing for fewer than two contents.

    Parameters
    ----------
    sides : sequence of fact or Encounter
        What contradicts each other.
    place : callable
        Facility, unit and bed as people read them.
    zone : ZoneInfo
        In which times are written.
    """
    if len(sides) < 2:
        return []
    columns = [rows_of(side, place, zone) for side in sides]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    rows = [_row(label, [column.get(label, "–") for column in columns]) for label in labels]
    head = html.Thead(html.Tr([html.Th("", scope="col"), *(_title(number) for number in range(len(sides)))]))
    table = html.Table([head, html.Tbody(rows)], className="table sides-table")
    return [html.H3("Side by side; what differs is marked"), html.Div(table, className="sides", tabIndex="0")]


def _title(number: int) -> html.Th:
    return html.Th("ABCDEFGH"[number], scope="col")


def _row(label: str, values: list[str]) -> html.Tr:
    differs = len(set(values)) > 1
    cells = [html.Td(value) for value in values]
    return html.Tr(
        [html.Th(label, scope="row"), *cells], className="differs" if differs else "", **data(differs=str(differs))
    )


def rows_of(side: AnyFact | Encounter, place: PlaceInWords, zone: ZoneInfo) -> dict[str, str]:
    """Return the fields of a fact or an encounter that people compare, by their labels."""
    return _encounter(side, place, zone) if isinstance(side, Encounter) else _fact(side, place, zone)


def _encounter(encounter: Encounter, place: PlaceInWords, zone: ZoneInfo) -> dict[str, str]:
    stay = encounter.location
    return {
        "Encounter": encounter.encounter_id,
        "Patient": encounter.patient_token,
        "Class": encounter.patient_class.value,
        "Admitted": moment(encounter.admitted_at, zone),
        "Place": place(stay.facility_id, stay.unit_id, stay.bed_id) if stay else "not known",
        "Since": moment(stay.arrived_at, zone) if stay else "not known",
        "Age": "not known" if encounter.age_years is None else str(encounter.age_years),
        "Sex": encounter.sex.value if encounter.sex else "not known",
    }


def _fact(fact: AnyFact, place: PlaceInWords, zone: ZoneInfo) -> dict[str, str]:
    rows = {
        "What": fact_in_words(type(fact)),
        "About": fact.subject,
        "Patient": fact.partition_key,
        "Happened": moment(fact.occurred_at, zone),
        "Recorded": moment(fact.recorded_at, zone),
        "Sender": fact.source,
        "Id": fact.id,
    }
    for name in fact.data.__struct_fields__:
        value = getattr(fact.data, name)
        if value not in (None, ()):
            rows[name.replace("_", " ").capitalize()] = _text(value, place, zone)
    return rows


def _text(value: Any, place: PlaceInWords, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        return moment(value, zone)
    if isinstance(value, Location):
        return place(value.facility_id, value.unit_id, value.bed_id)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(_text(each, place, zone) for each in value)
    if isinstance(value, msgspec.Struct):
        return " ".join(str(each) for each in msgspec.structs.astuple(value) if each not in (None, False))
    return str(value)
