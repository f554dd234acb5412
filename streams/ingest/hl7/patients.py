"""Facts about patients from ADT messages: updates, merges and their corrections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from schemas import events
from schemas.errors import InvalidInput
from schemas.events import AnyFact, LinkDetails, MergeDetails, PatientDetails, UnmergeDetails, patient_subject
from streams.ingest.hl7 import clinical, deaths
from streams.ingest.hl7.facts import make_fact, suffix_of
from streams.ingest.hl7.fields import FieldReader
from streams.ingest.hl7.patient_ids import merged_ids, patient_id, patient_ids, token_of
from streams.ingest.reading import InputProblem

Make = Callable[[FieldReader], Sequence[AnyFact | InputProblem]]
"""Makes the facts of a message; a problem in place of a fact concerns one part of the message alone."""


def update_patient(reader: FieldReader, suffix: str = "") -> list[AnyFact]:
    """A28, A31, and an A08 without a visit number."""
    at, token = reader.occurred_at(), token_of(reader)
    data = PatientDetails(
        age_years=clinical.age_years(reader, at),
        sex=clinical.sex(reader),
        died_at=deaths.died_at(reader, at),
        is_alive=deaths.is_alive(reader),
    )
    return [make_fact(reader, events.PatientUpdated, patient_subject(token), token, at, data, suffix)]


def report_death(reader: FieldReader, suffix: str = "") -> list[AnyFact]:
    """A03, A08: the death of the patient, which concerns all stays of the person; nothing where none is reported."""
    at = reader.occurred_at()
    time = deaths.died_at(reader, at)
    if time is None:
        return []
    token, data = token_of(reader), PatientDetails(died_at=time)
    return [make_fact(reader, events.PatientUpdated, patient_subject(token), token, at, data, f"{suffix}/died")]


def with_links(make: Make) -> Make:
    """Add to the facts of a message that each further number of its patients is one person with the chosen one."""

    def made(reader: FieldReader) -> Sequence[AnyFact | InputProblem]:
        return [*make(reader), *_links(reader)]

    return made


def _links(reader: FieldReader) -> Iterator[AnyFact]:
    pairs = []
    for person in reader.by_person():
        chosen, *others = patient_ids(person)
        into = token_of(person, chosen)
        pairs += [(token, into) for other in others if (token := token_of(person, other)) != into]
    at = reader.occurred_at() if pairs else None
    for index, (token, into) in enumerate(dict.fromkeys(pairs)):
        kind, data = events.PatientIdentifiersLinked, LinkDetails(into=into)
        when = at or reader.recorded_at
        yield make_fact(reader, kind, patient_subject(token), token, when, data, f"/id{index + 1}")


def merge_patients(reader: FieldReader) -> list[AnyFact]:
    """A18, A30, A34, A36, A39, A40, A46, A47: each MRG names a patient who is merged into the PID before it.

    All patient numbers of MRG-1 are merged, not only the preferred one.
    """
    pairs = [pair for person in reader.by_person() for pair in _pairs(person)]
    if not pairs:
        raise InvalidInput("MRG", "missing. MRG-1 must name the patient who is merged away.")
    merges = list(
        dict.fromkeys((away, into) for away, into in pairs if away != into)
    )  # a pair of one number changes nothing
    if not merges:
        raise InvalidInput("PID-3 and MRG-1", "name the same patient. Name the patient who is merged away in MRG-1.")
    at, many = reader.occurred_at(), len(merges) > 1
    return [
        make_fact(
            reader,
            events.PatientsMerged,
            patient_subject(away),
            away,
            at,
            MergeDetails(into=into),
            suffix_of(index, many),
        )
        for index, (away, into) in enumerate(merges)
    ]


def _pairs(person: FieldReader) -> list[tuple[str, str]]:
    """Return the tokens of each patient merged away and of the one who remains."""
    count = person.message.count("MRG")
    if not count:
        return []
    into = patient_id(person)
    token = token_of(person, into)
    return [(token_of(person, away), token) for nth in range(count) for away in merged_ids(person, nth, into)]


def unmerge_patients(reader: FieldReader) -> list[AnyFact]:
    """A37: the second PID is a separate patient again, not the first."""
    people = reader.by_person()
    if len(people) != 2:
        raise InvalidInput("PID", "not two segments. A37 needs two: the second is the patient who is separate again.")
    apart_from, token = token_of(people[0]), token_of(people[1])
    if apart_from == token:
        raise InvalidInput("PID-3", "both PID name the same patient. The second must be the one who is separate again.")
    at = reader.occurred_at()
    data = UnmergeDetails(apart_from=apart_from)
    return [make_fact(reader, events.PatientsUnmerged, patient_subject(token), token, at, data)]
