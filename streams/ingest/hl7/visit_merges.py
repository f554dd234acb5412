"""Facts about visits that turn out to be another or another patient's: accounts and visits merged or moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from schemas import events
from schemas.errors import InvalidInput
from schemas.events import AnyFact, MergeDetails, MoveDetails
from streams.ingest.hl7.facts import make_fact, suffix_of
from streams.ingest.hl7.fields import FieldReader
from streams.ingest.hl7.patient_ids import former_token, patient_id, token_of
from streams.ingest.hl7.visit_numbers import former_number, required_visit, visit_field, visit_number

FORMER = {"PV1-19": 5, "PID-18": 3, "PV1-50": 6}
"""The field of MRG that holds the former value of each field that can be the visit number."""

Update = Callable[[FieldReader, str], list[AnyFact]]
_Make = Callable[[str], list[AnyFact]]


def merge_visits(update: Update, *, must_change: bool = False) -> Callable[[FieldReader], list[AnyFact]]:
    """A35, A41, A42, A44, A45, A49, A50, A51: each MRG holds the former numbers of the visit in the PV1 after it.

    Parameters
    ----------
    update : callable
        Makes the update of the visit from its PV1, as a fact whose id ends in the given suffix.
    must_change : bool
        Whether the trigger is invalid where the visit keeps its number.
    """

    def make(reader: FieldReader) -> list[AnyFact]:
        makes = [
            each
            for person in reader.by_person()
            for visit in person.by_merge()
            for each in _of_visit(visit, update, must_change=must_change)
        ]
        return [fact for index, each in enumerate(makes) for fact in each(suffix_of(index, many=len(makes) > 1))]

    return make


def renumber_visit(change: Update) -> Callable[[FieldReader], list[AnyFact]]:
    """A06, A07: the stay goes on in another class, and under another number where MRG holds the former one.

    Parameters
    ----------
    change : callable
        Makes the change of class, as a fact whose id ends in the given suffix.
    """

    def make(reader: FieldReader) -> list[AnyFact]:
        identity = _identity_changes(reader)
        makes: list[_Make] = [*identity, lambda suffix: change(reader, suffix)]
        return [fact for index, each in enumerate(makes) for fact in each(suffix_of(index, many=bool(identity)))]

    return make


def _identity_changes(reader: FieldReader) -> list[_Make]:
    """Return what makes the facts of an A06 or A07 that change the number of the visit, or its patient."""
    former, number = _number_before(reader), visit_number(reader)
    if number is None or former in (None, number):
        return []
    number, at = required_visit(reader), reader.occurred_at()
    into = patient_id(reader)
    token = token_of(reader, into)
    moved_from = former_token(reader, into) or token
    merge, moved = MergeDetails(into=number), MoveDetails(moved_from=moved_from)
    makes: list[_Make] = [
        lambda suffix: [make_fact(reader, events.EncountersMerged, str(former), token, at, merge, suffix)]
    ]
    if moved_from != token:
        makes.append(lambda suffix: [make_fact(reader, events.EncounterMoved, number, token, at, moved, suffix)])
    return makes


def _number_before(reader: FieldReader) -> str | None:
    """Return the former number: of the field that numbers the visits, else of the account where it is the visit's.

    A feed whose PID-18 is empty or repeats PV1-19 has one number for both, and may fill in MRG-3 alone.
    """
    former = _former_number(reader)
    if former is None and visit_field(reader) == "PV1-19":
        account = reader.message.get("PID", 18)
        if not account or account == reader.message.get("PV1", 19):
            return former_number(reader, FORMER["PID-18"])
    return former


def _of_visit(visit: FieldReader, update: Update, *, must_change: bool) -> Iterator[_Make]:
    message = visit.message
    if not message.count("MRG"):
        raise InvalidInput("MRG", "missing after the PID. It must hold the visit's or the patient's former number.")
    if message.count("PV1") > 1:
        raise InvalidInput("PV1", "two segments after one MRG. Send an MRG before each PV1.")
    _require_number_of_a_visit(visit)
    number, token, at = required_visit(visit), token_of(visit), visit.occurred_at()
    former = _former_number(visit)
    moved_from = former_token(visit, patient_id(visit)) or token
    if former not in (None, number):
        subject, into = str(former), MergeDetails(into=number)
        yield lambda suffix: [make_fact(visit, events.EncountersMerged, subject, token, at, into, suffix)]
    elif must_change:
        raise _unchanged(visit)
    if moved_from != token:
        moved = MoveDetails(moved_from=moved_from)
        yield lambda suffix: [make_fact(visit, events.EncounterMoved, number, token, at, moved, suffix)]
    if message.count("PV1"):
        yield lambda suffix: update(visit, suffix)
    elif former in (None, number) and moved_from == token:
        raise InvalidInput("MRG", "names the same visit and patient as PV1 and PID. Fill in the former numbers.")


def _require_number_of_a_visit(visit: FieldReader) -> None:
    """Reject an account number that would count as a visit number only because there is no PV1."""
    numbered_by_pv1 = any(place.startswith("PV1-") for place in visit.mapping.visit_number)
    if not visit.message.count("PV1") and numbered_by_pv1:
        raise InvalidInput(
            "PV1",
            "missing after the MRG, so the visit is unknown: PID-18 is an account. Send an A45, A42 or A50 for each "
            "visit of it, or set visit_number to PID-18 alone in the HL7 mapping, where accounts are visits.",
        )


def _former_number(visit: FieldReader) -> str | None:
    field = FORMER.get(str(visit_field(visit)))
    return None if field is None else former_number(visit, field)


def _unchanged(visit: FieldReader) -> InvalidInput:
    place = visit_field(visit)
    if place not in FORMER:
        return InvalidInput(
            f"{place}",
            "the visit number's field, for which MRG has no former value. Send an A45, or set visit_number in the "
            "HL7 mapping.",
        )
    return InvalidInput(
        f"MRG-{FORMER[place]}", f"not a number other than {place}. Fill in the former number at the sender."
    )
