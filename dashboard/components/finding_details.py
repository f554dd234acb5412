"""Side panel of the data-quality list: the problem, the encounter, and the facts about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from dashboard.components.fact_list import fact_list
from dashboard.components.side_by_side import PlaceInWords, side_by_side
from dashboard.components.wording import duration, fact_in_words
from schemas.events import AnyFact, Location
from schemas.local_time import moment
from schemas.state import Encounter

LATE = timedelta(minutes=5)
"""A longer delay between the time of a fact and its record is shown."""


def finding_details(
    says: Sequence[str],
    encounter: Encounter | None,
    facts: Sequence[AnyFact],
    *,
    sides: Sequence[AnyFact | Encounter] = (),
    place: PlaceInWords,
    zone: ZoneInfo,
) -> html.Div:
    """Return the panel.

    Parameters
    ----------
    says : sequence of str
        What is wrong, and what to do.
    encounter : Encounter or None
        State of the encounter, if the finding is about one.
    facts : sequence of AnyFact
        Facts about it, by the time when they happened.
    sides : sequence of fact or Encounter
        What contradicts each other, if that is what is wrong.
    place : callable
        Facility, unit and bed as people read them.
    zone : ZoneInfo
        In which times are written.
    """
    parts: list[Any] = [html.P(each, className="finding-says") for each in says]
    parts += side_by_side(sides, place=place, zone=zone)
    if encounter is not None:
        parts.append(_known(encounter, place, zone))
    if facts:
        parts += [html.H3(f"Reported facts ({len(facts)})"), html.Ol([_fact(fact, place, zone) for fact in facts])]
    return html.Div(parts, className="finding-details")


def _known(encounter: Encounter, place: PlaceInWords, zone: ZoneInfo) -> html.Dl:
    stay = encounter.location
    rows: list[tuple[str, Any]] = [
        ("Patient", html.Code(encounter.patient_token)),
        ("Encounter", html.Code(encounter.encounter_id)),
        ("Status", f"{encounter.status.value.replace('_', ' ')}, {encounter.patient_class.value}"),
        ("Place", place(stay.facility_id, stay.unit_id, stay.bed_id) if stay else "not known"),
        ("Admitted", moment(encounter.admitted_at, zone)),
    ]
    if encounter.discharged_at:
        rows.append(("Discharged", moment(encounter.discharged_at, zone)))
    return fact_list(rows)


def _fact(fact: AnyFact, place: PlaceInWords, zone: ZoneInfo) -> html.Li:
    location: Location | None = getattr(fact.data, "location", None)
    where = place(location.facility_id, location.unit_id, location.bed_id) if location else ""
    later = fact.recorded_at - fact.occurred_at
    notes = [moment(fact.occurred_at, zone)]
    if later > LATE:
        notes.append(f"recorded {duration(later)} later")
    elif -later > LATE:
        notes.append(f"recorded {duration(-later)} before")
    notes.append(fact.source)
    words = [html.B(fact_in_words(type(fact))), html.Span(where)]
    return html.Li([html.Div(words, className="said"), html.Div(" · ".join(notes), className="mut small")])
