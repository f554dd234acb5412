"""Diagnoses of an Encounter: those that it lists, and Conditions of its Bundle that are about it."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events import Diagnosis
from streams.ingest.fhir.json_values import Json, codes, codings, items, name
from streams.ingest.fhir.mapping import CODE_SYSTEMS, REFUTED
from streams.ingest.fhir.related import RelatedResources

ADMISSION_USE = "AD"
"""Encounter.diagnosis.use of a diagnosis known on admission."""

_RANKS = {system: rank for rank, system in enumerate(CODE_SYSTEMS)}


def diagnoses(encounter: Json, related: RelatedResources, *, admission: bool) -> tuple[Diagnosis, ...]:
    """Return the diagnoses on admission, or all the others.

    Raises
    ------
    InvalidInput
        When a code is too long, or when there are too many Conditions.
    """
    found: dict[tuple[str, str], Diagnosis] = {}
    listed: set[int] = set()
    for index, item in items(encounter.get("diagnosis")):
        path = f"diagnosis[{index}].condition"
        codings_of_item = list(_coded(item, related, listed, path))
        if (ADMISSION_USE in codes(item.get("use"))) is admission:
            principal = item.get("rank") == 1 and not admission
            for coded in codings_of_item:
                _note(found, coded, principal)
    for condition in () if admission else related.conditions():
        if id(condition) not in listed:
            _note(found, _of_condition(condition, related, "diagnosis"), False)
    return tuple(found.values())


def _coded(item: Json, related: RelatedResources, listed: set[int], path: str) -> Iterator[tuple[str, str] | None]:
    """Yield system and code of each Condition of an entry: R4 refers to it, R5 may give its code alone."""
    for _, condition in items(item.get("condition")):
        yield _best(condition.get("concept"), path)
        reference = condition.get("reference") if isinstance(condition.get("reference"), dict) else condition
        resource = related.find(reference, "Condition")
        if resource is not None:
            listed.add(id(resource))
            yield _of_condition(resource, related, path)


def _of_condition(resource: Json, related: RelatedResources, path: str) -> tuple[str, str] | None:
    """Return system and code of a Condition, or None where it is refuted or has no code."""

    def code() -> tuple[str, str] | None:
        refuted = REFUTED.intersection(codes(resource.get("verificationStatus")))
        return None if refuted else _best(resource.get("code"), path)

    return related.remember(resource, "code", code)


def _best(concept: object, path: str) -> tuple[str, str] | None:
    """Return the preferred coding, with the system as facts name it."""
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
