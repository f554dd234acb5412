"""What ADT messages say of which visit is which, and whose it is: accounts and visits merged, moved or renumbered."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from schemas import events
from schemas.events import AnyFact, MergeDetails, MoveDetails
from streams.ingest.hl7.fields import Reader, numbered
from streams.ingest.hl7.message import Rejected

BEFORE = {"PV1-19": 5, "PID-18": 3, "PV1-50": 6}
"""The field of MRG that holds the former value of each field that can be the visit number."""

Update = Callable[[Reader, str], list[AnyFact]]
_Make = Callable[[str], list[AnyFact]]


def visits(update: Update, *, must_change: bool = False) -> Callable[[Reader], list[AnyFact]]:
    """A35, A41, A42, A44, A45, A49, A50, A51: each MRG says which visit, and whose, the PV1 after it was before.

    Parameters
    ----------
    update : callable
        Reads what a PV1 says besides, as a fact whose id ends in the given suffix.
    must_change : bool
        Whether the trigger makes no sense where the visit keeps its number.
    """

    def make(reader: Reader) -> list[AnyFact]:
        makes = [
            each
            for person in reader.by_person()
            for visit in person.by_merge()
            for each in _of_visit(visit, update, must_change=must_change)
        ]
        return [fact for index, each in enumerate(makes) for fact in each(numbered(index, many=len(makes) > 1))]

    return make


def _of_visit(visit: Reader, update: Update, *, must_change: bool) -> Iterator[_Make]:
    message = visit.message
    if not message.count("MRG"):
        raise Rejected("No MRG segment follows the PID; it must name the visit, or the patient, as it was before.")
    if message.count("PV1") > 1:
        raise Rejected("Two PV1 segments follow one MRG; each visit needs an MRG of its own before its PV1.")
    _require_number_of_a_visit(visit)
    number, token, at = visit.needed_visit(), visit.token(), visit.occurred_at()
    former = _former_number(visit)
    moved_from = visit.token(visit.merged_away(0, visit.identifier())) if message.get("MRG", 1) else token
    if former not in (None, number):
        subject, into = str(former), MergeDetails(into=number)
        yield lambda suffix: [visit.fact(events.EncountersMerged, subject, token, at, into, suffix)]
    elif must_change:
        raise Rejected(_nothing_changes(visit))
    if moved_from != token:
        moved = MoveDetails(moved_from=moved_from)
        yield lambda suffix: [visit.fact(events.EncounterMoved, number, token, at, moved, suffix)]
    if message.count("PV1"):
        yield lambda suffix: update(visit, suffix)
    elif former in (None, number) and moved_from == token:
        raise Rejected("MRG names the same visit and patient as PID and PV1; nothing is changed.")


def _require_number_of_a_visit(visit: Reader) -> None:
    """Refuse an account as a visit where only the lack of a PV1 makes it one: accounts have numbers of their own."""
    numbered_by_pv1 = any(place.startswith("PV1-") for place in visit.mapping.visit_number)
    if not visit.message.count("PV1") and numbered_by_pv1:
        raise Rejected(
            "No PV1 follows the MRG, so no visit is named, and PID-18 is an account. Send an A45, A42 or A50 for each "
            "visit of it; or set visit_number to PID-18 alone in the HL7 mapping, where accounts are visits."
        )


def _former_number(visit: Reader) -> str | None:
    field = BEFORE.get(str(visit.visit_place()))
    return None if field is None else visit.checked_visit(visit.field("MRG", field))


def _nothing_changes(visit: Reader) -> str:
    place = visit.visit_place()
    if place not in BEFORE:
        return f"The visit number stands in {place}, and MRG has no field for what stood there before."
    return f"MRG-{BEFORE[place]} names no other visit than {place}, so nothing is changed; fill it at the sender."
