"""Values of untrusted FHIR JSON: texts, codes, identifiers and lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from schemas.errors import InvalidInput

MAX_NAME = 200
"""Characters of a text in a fact."""

MAX_ITEMS = 1_000
"""Entries of any list that is read: far more than a stay has, and few enough that a resource is read quickly."""

Json = dict[str, Any]


def part(value: object, *names: str) -> Any:
    """Return the value under nested names, or None where one of them is missing or not an object."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def items(value: object) -> list[tuple[int, Json]]:
    """Return the objects in a list with their positions; a single object counts as a list of one."""
    if isinstance(value, dict):
        return [(0, value)]
    if isinstance(value, list):
        return [(index, item) for index, item in enumerate(value) if isinstance(item, dict)]
    return []


def text(value: object) -> str | None:
    """Return a text without surrounding space, or None where it is empty or SQL cannot store it."""
    if not isinstance(value, str):
        return None
    found = value.strip()
    try:
        found.encode()
    except UnicodeEncodeError:
        return None
    return found if found and "\0" not in found else None


def name(value: object, path: str) -> str | None:
    """Return a text that fits into a fact, or None where it is empty.

    Raises
    ------
    InvalidInput
        When it is too long.
    """
    found = text(value)
    if found is not None and len(found) > MAX_NAME:
        raise InvalidInput(path, f"longer than {MAX_NAME} characters. Shorten it at the sender.")
    return found


def codings(value: object) -> Iterator[tuple[str, str]]:
    """Yield system and code of a Coding, of a CodeableConcept, or of a list of either."""
    for _, item in items(value):
        for _, coding in items(item.get("coding")) or [(0, item)]:
            code = text(coding.get("code"))
            if code is not None:
                yield text(coding.get("system")) or "", code


def codes(value: object) -> list[str]:
    """Return the codes of a Coding, of a CodeableConcept, or of a list of either."""
    return [code for _, code in codings(value)]


def identifier(value: object, types: Sequence[str]) -> tuple[int, Json] | None:
    """Return the Identifier of the first type that occurs, else the first one; only those with a value count."""
    found = [(index, item) for index, item in items(value) if text(item.get("value")) and item.get("use") != "old"]
    for wanted in types:
        for index, item in found:
            if wanted in codes(item.get("type")):
                return index, item
    return found[0] if found else None


def require_short_lists(resource: Json, fields: Sequence[str]) -> None:
    """Reject a resource with a list, in one of the fields and at any depth, that is longer than `MAX_ITEMS`.

    Raises
    ------
    InvalidInput
        With the field.
    """
    for field in fields:
        left: list[object] = [resource.get(field)]
        while left:
            value = left.pop()
            if isinstance(value, list) and len(value) > MAX_ITEMS:
                raise InvalidInput(field, f"a list of more than {MAX_ITEMS} entries. Send fewer of them.")
            if isinstance(value, dict | list):
                left.extend(value.values() if isinstance(value, dict) else value)
