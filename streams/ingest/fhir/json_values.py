"""FHIR JSON, of which nothing may be taken for granted: texts, codes, identifiers, lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

MAX_NAME = 200

MAX_ITEMS = 1_000
"""Of any list in a resource: far more than a stay has, and few enough that no resource takes long."""

Json = dict[str, Any]


class Refused(Exception):
    """A resource cannot be used: where in it, and why with the remedy; never what stood there."""

    def __init__(self, path: str, error: str) -> None:
        super().__init__(f"{path}: {error}")
        self.path, self.error = path, error


def part(value: object, *names: str) -> Any:
    """Return what stands under the names, one in another; None where something else stands on the way."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def items(value: object) -> list[tuple[int, Json]]:
    """Return the objects of a list with their positions; one object alone counts as a list of it."""
    if isinstance(value, dict):
        return [(0, value)]
    if isinstance(value, list):
        return [(index, item) for index, item in enumerate(value) if isinstance(item, dict)]
    return []


def text(value: object) -> str | None:
    """Return a text that can be stored; None where there is none."""
    if not isinstance(value, str):
        return None
    found = value.strip()
    try:
        found.encode()
    except UnicodeEncodeError:
        return None
    return found if found and "\0" not in found else None


def name(value: object, path: str) -> str | None:
    """Return a text that fits a name of a fact.

    Raises
    ------
    Refused
        When it is too long.
    """
    found = text(value)
    if found is not None and len(found) > MAX_NAME:
        raise Refused(path, f"is longer than {MAX_NAME} characters; shorten it at the sender.")
    return found


def codings(value: object) -> Iterator[tuple[str, str]]:
    """Give system and code of a Coding, of a CodeableConcept, or of a list of either."""
    for _, item in items(value):
        for _, coding in items(item.get("coding")) or [(0, item)]:
            code = text(coding.get("code"))
            if code is not None:
                yield text(coding.get("system")) or "", code


def codes(value: object) -> list[str]:
    """Return the codes alone."""
    return [code for _, code in codings(value)]


def identifier(value: object, types: Sequence[str]) -> tuple[int, Json] | None:
    """Return the Identifier of the first of the types that is there, else the first one; it has a value."""
    found = [(index, item) for index, item in items(value) if text(item.get("value")) and item.get("use") != "old"]
    for wanted in types:
        for index, item in found:
            if wanted in codes(item.get("type")):
                return index, item
    return found[0] if found else None


def require_short_lists(resource: Json, fields: Sequence[str]) -> None:
    """Refuse a resource with a list, in one of the fields and at any depth, that is longer than `MAX_ITEMS`.

    Raises
    ------
    Refused
        With the field.
    """
    for field in fields:
        left: list[object] = [resource.get(field)]
        while left:
            value = left.pop()
            if isinstance(value, list) and len(value) > MAX_ITEMS:
                raise Refused(field, f"holds a list of more than {MAX_ITEMS} entries; leave out what is not needed.")
            if isinstance(value, dict | list):
                left.extend(value.values() if isinstance(value, dict) else value)
