"""The diagnoses of an Encounter: those it lists, and the Conditions of its Bundle that are about it."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events import Diagnosis
from streams.ingest.fhir.json_values import Json, codes, codings, items, name
from streams.ingest.fhir.mapping import CODE_SYSTEMS, NOT_SO
from streams.ingest.fhir.resources import RelatedResources

ADMISSION_USE = "AD"

_RANKS = {system: rank for rank, system in enumerate(CODE_SYSTEMS)}


def diagnoses(encounter: Json, company: RelatedResources, *, admission: bool) -> tuple[Diagnosis, ...]:
    """Return the diagnoses on admission, or all the others.

    Raises
    ------
    Refused
        When a code is too long, or when there are more than can be told.
    """
    found: dict[tuple[str, str], Diagnosis] = {}
    listed: set[int] = set()
    for index, item in items(encounter.get("diagnosis")):
        path = f"diagnosis[{index}].condition"
        said = list(_coded(item, company, listed, path))
        if (ADMISSION_USE in codes(item.get("use"))) is admission:
            principal = item.get("rank") == 1 and not admission
            for coded in said:
                _note(found, coded, principal)
    for condition in () if admission else company.conditions():
        if id(condition) not in listed:
            _note(found, _of_condition(condition, company, "diagnosis"), False)
    return tuple(found.values())


def _coded(item: Json, company: RelatedResources, listed: set[int], path: str) -> Iterator[tuple[str, str] | None]:
    """Give system and code of each Condition that an entry names: R4 by reference, R5 also by its code alone."""
    for _, condition in items(item.get("condition")):
        yield _best(condition.get("concept"), path)
        reference = condition.get("reference") if isinstance(condition.get("reference"), dict) else condition
        resource = company.find(reference, "Condition")
        if resource is not None:
            listed.add(id(resource))
            yield _of_condition(resource, company, path)


def _of_condition(resource: Json, company: RelatedResources, path: str) -> tuple[str, str] | None:
    """Return what a Condition says that the patient has."""

    def said() -> tuple[str, str] | None:
        refuted = NOT_SO.intersection(codes(resource.get("verificationStatus")))
        return None if refuted else _best(resource.get("code"), path)

    return company.remember(resource, "code", said)


def _best(concept: object, path: str) -> tuple[str, str] | None:
    """Return the coding that counts, its system as we name it."""
    coded = list(codings(concept))
    if not coded:
        return None
    system, code = min(coded, key=lambda pair: _RANKS.get(pair[0], len(_RANKS)))
    fitting = name(code, path)
    assert fitting is not None
    return name(CODE_SYSTEMS.get(system, system), path) or "unknown", fitting


def _note(found: dict[tuple[str, str], Diagnosis], coded: tuple[str, str] | None, principal: bool) -> None:
    if coded is not None and (coded not in found or principal):
        found[coded] = Diagnosis(code=coded[1], system=coded[0], principal=principal)
