"""Deletions of Encounters in a Bundle. A deletion names a resource; only other entries identify its patient."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from schemas.errors import InvalidInput
from streams.ingest.fhir.json_values import Json, items, part, text
from streams.ingest.fhir.references import Target, base_of, target
from streams.ingest.fhir.times import instant

IDENTITY = ("resourceType", "id", "identifier", "subject", "partOf", "contained")
"""Fields of an Encounter that identify the visit and the patient."""

REMEDY = (
    "a deletion of an unknown Encounter: no other entry of this Bundle holds it. "
    "Send the Encounter with the status entered-in-error."
)

_ETAG = re.compile(r'(?:W/)?"([^"]*)"')


class _Version(NamedTuple):
    written: tuple[datetime, int, bytes]
    """Sort key of the version; it includes the content so that the order of entries never matters."""
    encounter: Json
    address: object
    """The fullUrl of its entry."""


class Deletions:
    """Finds the Encounters that a Bundle deletes, in whatever order the entries are.

    Parameters
    ----------
    entries : sequence
        Of the Bundle.
    zone : ZoneInfo
        For times without an offset.
    """

    def __init__(self, entries: Sequence[object], zone: ZoneInfo) -> None:
        self._zone = zone
        self._latest: dict[tuple[str, str | None], _Version] = {}
        """By id and server; None where there is no fullUrl."""
        self._latest_anywhere: dict[str, _Version] = {}
        for _, entry in items(entries):
            resource = part(entry, "resource")
            logical_id = text(part(resource, "id"))
            if part(resource, "resourceType") == "Encounter" and logical_id is not None:
                address = entry.get("fullUrl")
                version = _Version(_written(resource, zone), resource, address)
                where = (logical_id, base_of(address))
                self._latest[where] = _later(self._latest.get(where), version)
                self._latest_anywhere[logical_id] = _later(self._latest_anywhere.get(logical_id), version)

    def encounter(self, entry: Json, path: str) -> tuple[Json, object]:
        """Return the deleted Encounter as a version with the status entered-in-error, and its fullUrl.

        Raises
        ------
        InvalidInput
            When no other entry holds it, when the deletion is by search, or when its time is not valid.
        """
        named = deleted(entry)
        if named is None or named.kind is None:
            raise InvalidInput(f"{path}.request", REMEDY)
        written = part(entry, "response", "lastModified")
        instant(written, f"{path}.response.lastModified", self._zone)
        known = self._known(named.logical_id, named.base or base_of(entry.get("fullUrl")))
        if known is None:
            raise InvalidInput(f"{path}.request", REMEDY)
        kept = {field: known.encounter[field] for field in IDENTITY if field in known.encounter}
        etag = _ETAG.fullmatch(text(part(entry, "response", "etag")) or "")
        meta = {
            "versionId": etag[1] if etag is not None else None,
            "lastUpdated": written,
        }
        return {**kept, "status": "entered-in-error", "meta": meta}, known.address

    def _known(self, logical_id: str, base: str | None) -> _Version | None:
        """Return the latest version of that Encounter at that server, or at any where no server is named."""
        if base is None:
            return self._latest_anywhere.get(logical_id)
        at_server, unplaced = self._latest.get((logical_id, base)), self._latest.get((logical_id, None))
        return at_server if unplaced is None else _later(at_server, unplaced)


def deleted(entry: Json) -> Target | None:
    """Return the Encounter that an entry deletes, or None; a deletion by search has a target without `kind`."""
    if part(entry, "request", "method") != "DELETE":
        return None
    written = text(part(entry, "request", "url"))
    named = target(written)
    if written is None or named is None:
        return None
    address, search, _ = written.partition("?")
    if search:
        return named._replace(kind=None) if address.rstrip("/").rpartition("/")[2] == "Encounter" else None
    return named if named.kind == "Encounter" else None


def _later(known: _Version | None, other: _Version) -> _Version:
    return other if known is None or known.written < other.written else known


def _written(encounter: Json, zone: ZoneInfo) -> tuple[datetime, int, bytes]:
    meta = part(encounter, "meta")
    number = text(part(meta, "versionId")) or ""
    try:
        written = instant(part(meta, "lastUpdated"), "", zone)
    except InvalidInput:
        written = None
    decimal = number.isascii() and number.isdecimal() and len(number) <= 64
    return written or datetime.min.replace(tzinfo=UTC), int(number) if decimal else -1, _identity(encounter)


def _identity(encounter: Json) -> bytes:
    try:
        return msgspec.json.encode([encounter.get(field) for field in IDENTITY], order="deterministic")
    except (TypeError, ValueError, RecursionError):
        return b""
