"""What ADT messages say of people: who they are, and whose numbers are merged or come apart."""

from __future__ import annotations

from schemas import events
from schemas.events import AnyFact, MergeDetails, PatientDetails, UnmergeDetails, patient_subject
from streams.ingest.hl7.fields import Reader, numbered
from streams.ingest.hl7.message import Rejected


def person(reader: Reader, suffix: str = "") -> list[AnyFact]:
    """A28, A31, and an A08 without a visit number."""
    at, token = reader.occurred_at(), reader.token()
    data = PatientDetails(age_years=reader.age(at), sex=reader.sex(), died_at=reader.time("PID", 29))
    return [reader.fact(events.PatientUpdated, patient_subject(token), token, at, data, suffix)]


def merge(reader: Reader) -> list[AnyFact]:
    """A18, A30, A34, A36, A39, A40, A46, A47: each MRG names who was merged into the PID before it."""
    pairs = [pair for person in reader.by_person() for pair in _pairs(person)]
    if not pairs:
        raise Rejected("No MRG segment, so nobody is merged; MRG-1 must name the number merged away.")
    told = [(away, into) for away, into in pairs if away != into]  # a pair of one number changes nothing
    if not told:
        raise Rejected("PID-3 and MRG-1 name the same patient; nothing is to be merged.")
    at = reader.occurred_at()
    return [
        reader.fact(
            events.PatientsMerged,
            patient_subject(away),
            away,
            at,
            MergeDetails(into=into),
            numbered(index, len(told) > 1),
        )
        for index, (away, into) in enumerate(told)
    ]


def _pairs(person: Reader) -> list[tuple[str, str]]:
    count = person.message.count("MRG")
    if not count:
        return []
    into = person.identifier()
    token = person.token(into)
    return [(person.token(person.merged_away(nth, into)), token) for nth in range(count)]


def unmerge(reader: Reader) -> list[AnyFact]:
    """A37: the second PID is a person of its own again, apart from the first."""
    people = reader.by_person()
    if len(people) != 2:
        raise Rejected("A37 needs two PID segments: the second is the patient who is a person of its own again.")
    apart_from, token = people[0].token(), people[1].token()
    if apart_from == token:
        raise Rejected("The two PID-3 of A37 name the same patient; the second must be who is on its own again.")
    at = reader.occurred_at()
    data = UnmergeDetails(apart_from=apart_from)
    return [reader.fact(events.PatientsUnmerged, patient_subject(token), token, at, data)]
