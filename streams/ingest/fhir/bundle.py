"""From FHIR R4 and R5 JSON to facts: Encounters, alone or in a Bundle. `fhir_encounter` reads one of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec

from schemas.events import AnyFact
from schemas.outgoing import MAX_REJECTED_BYTES
from streams.ingest.fhir.deletions import REMEDY, Deletions, deleted
from streams.ingest.fhir.encounter import ReadingContext, facts_of
from streams.ingest.fhir.json_values import Json, Refused, items, part, text
from streams.ingest.fhir.mapping import BUNDLES, FhirOptions
from streams.ingest.fhir.resources import RelatedResources, Resources
from streams.ingest.fhir.times import instant

__all__ = ["FhirError", "FhirOptions", "FhirPart", "FhirReading", "read_json", "read_parts", "read_resource"]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

MAX_ENTRIES = 100_000
"""Of one Bundle: each bad one costs an error."""

NOTIFICATIONS = frozenset({"handshake", "heartbeat", "event-notification", "query-status", "query-event"})


class FhirError(NamedTuple):
    """Why a resource gives no facts: where in it, and why with the remedy; never what stood there."""

    path: str
    error: str


class FhirReading(NamedTuple):
    """What came of a resource. An Encounter gives all of its facts or an error, never half of them."""

    facts: tuple[AnyFact, ...] = ()
    errors: tuple[FhirError, ...] = ()
    notification: str | None = None
    """Of a subscription's Bundle: `handshake`, `heartbeat` or `event-notification`."""


class FhirPart(NamedTuple):
    """What came of a part of a resource, and the bytes of that part: they can be read again by themselves."""

    raw: bytes
    reading: FhirReading


def read_resource(resource: object, options: FhirOptions, pseudonym_key: bytes, received_at: datetime) -> FhirReading:
    """Read an Encounter, or the Encounters of a Bundle; never raises for what is in it.

    Parameters
    ----------
    resource : object
        JSON as Python has it.
    options : FhirOptions
        Of this feed.
    pseudonym_key : bytes
        Turns patient numbers into tokens; see `schemas.pseudonyms`.
    received_at : datetime
        Aware UTC, when the resource came: counts as the time of recording where the resource tells of none. Of what is
        read again later, the time when it came first.

    Returns
    -------
    FhirReading
        With facts, with errors, or with both where a Bundle holds good and bad.
    """
    around = ReadingContext(options, pseudonym_key, received_at, Resources())
    try:
        if part(resource, "resourceType") == "Bundle":
            return _whole(_Bundle(resource, around))  # type: ignore[arg-type]
        if part(resource, "resourceType") != "Encounter":
            raise Refused("resourceType", "must be Encounter, or Bundle with Encounters; send no other resource here.")
        return FhirReading(facts_of(resource, "Encounter", around))  # type: ignore[arg-type]
    except Refused as error:
        return _refused(error)


def read_json(raw: bytes, options: FhirOptions, pseudonym_key: bytes, received_at: datetime) -> FhirReading:
    """Read a resource from bytes; what is no JSON is an error too. Otherwise as `read_resource`."""
    try:
        resource = _decoded(raw)
    except Refused as error:
        return _refused(error)
    return read_resource(resource, options, pseudonym_key, received_at)


def read_parts(raw: bytes, options: FhirOptions, pseudonym_key: bytes, received_at: datetime) -> Iterator[FhirPart]:
    """Read a resource from bytes, and give what is bad in it apart from what is good.

    Of a Bundle with good entries each bad one is a part: a Bundle of its own, with whatever of the others is needed to
    read it. So a dead letter of it is small, and reading it again does not repeat the good ones.

    Yields
    ------
    FhirPart
        First the good entries, if any, with the bytes given. All but that one have an error.
    """
    try:
        resource = _decoded(raw)
        if part(resource, "resourceType") != "Bundle":
            yield FhirPart(raw, read_resource(resource, options, pseudonym_key, received_at))
            return
        bundle = _Bundle(resource, ReadingContext(options, pseudonym_key, received_at, Resources()))  # type: ignore[arg-type]
    except Refused as error:
        yield FhirPart(raw, _refused(error))
        return
    whole = _whole(bundle)
    bad = list(bundle.bad)
    if not bad or (not whole.facts and len(raw) <= MAX_REJECTED_BYTES):
        yield FhirPart(raw, whole)
        return
    if whole.facts:
        yield FhirPart(raw, FhirReading(whole.facts, notification=whole.notification))
    for index, why in bad:
        yield FhirPart(bundle.by_itself(index), FhirReading(errors=(why,)))


def _decoded(raw: bytes) -> object:
    try:
        return msgspec.json.decode(raw.removeprefix(BYTE_ORDER_MARK))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("", f"No JSON: {error}") from None
    except RecursionError:
        raise Refused("", "The JSON is nested too deeply.") from None


def _refused(error: Refused) -> FhirReading:
    return FhirReading(errors=(FhirError(error.path, error.error),))


def _whole(bundle: _Bundle) -> FhirReading:
    facts = tuple(bundle.facts())
    errors = [error for _, error in bundle.bad]
    notification = bundle.notification
    if not bundle.encounters and not errors and bundle.written and notification in (None, "event-notification"):
        errors.append(FhirError("Bundle.entry", _without_encounter(notification)))
    return FhirReading(facts, tuple(errors), notification)


class _Bundle:
    """A Bundle and its entries.

    Raises
    ------
    Refused
        When nothing in it can be read.
    """

    def __init__(self, bundle: Json, around: ReadingContext) -> None:
        if text(bundle.get("type")) not in BUNDLES:
            raise Refused("Bundle.type", f"must be one of {', '.join(sorted(BUNDLES))}.")
        written = bundle.get("entry", [])
        if not isinstance(written, list):
            raise Refused("Bundle.entry", "must be a list.")
        if len(written) > MAX_ENTRIES:
            raise Refused("Bundle.entry", f"holds more than {MAX_ENTRIES} entries; send fewer at a time.")
        self.written: list[object] = written
        self.encounters = 0
        self.bad: list[tuple[int, FhirError]] = []
        """The entries that give no facts, by position."""
        self.notification = _notification(bundle)
        self._bundle = bundle
        self._deletions: Deletions | None = None
        self._resources = Resources([entry for _, entry in items(written)])
        self._around = around._replace(resources=self._resources, sent_at=_sent_at(bundle, around.options))

    def facts(self) -> Iterator[AnyFact]:
        """Give the facts of the good entries, and note the bad ones."""
        for index, entry in enumerate(self.written):
            path = f"Bundle.entry[{index}]"
            try:
                if isinstance(entry, dict) and deleted(entry) is not None:
                    yield from self._deleted(entry, path)
                    continue
                resource = _encounter_in(entry, path)
                if resource is not None:
                    self.encounters += 1
                    yield from facts_of(resource, f"{path}.resource", self._around, part(entry, "fullUrl"))
            except Refused as error:
                self.bad.append((index, FhirError(error.path, error.error)))

    def _deleted(self, entry: Json, path: str) -> tuple[AnyFact, ...]:
        if self._deletions is None:
            self._deletions = Deletions(self.written, self._around.options.zone)
        encounter, address = self._deletions.encounter(entry, path)
        self.encounters += 1
        said, received_at = self._around.sent_at, self._around.received_at
        around = self._around._replace(sent_at=received_at if said is None else min(said, received_at))
        try:
            return facts_of(encounter, path, around, address)
        except Refused:
            raise Refused(f"{path}.request", REMEDY) from None

    def by_itself(self, index: int) -> bytes:
        """Return a Bundle of one entry and what is needed to read it."""
        entry = self.written[index]
        resource = part(entry, "resource")
        needed: list[object] = []
        if isinstance(resource, dict):
            needed = list(RelatedResources(resource, self._resources, part(entry, "fullUrl")).entries())
        kept = {key: self._bundle[key] for key in ("resourceType", "type", "timestamp") if key in self._bundle}
        return msgspec.json.encode({**kept, "entry": [entry, *(other for other in needed if other is not entry)]})


def _sent_at(bundle: Json, options: FhirOptions) -> datetime | None:
    """Return when the Bundle was put together; one that cannot be read is not needed."""
    try:
        return instant(bundle.get("timestamp"), "Bundle.timestamp", options.zone)
    except Refused:
        return None


def _without_encounter(notification: str | None) -> str:
    if notification is None:
        return "holds no Encounter, so there is nothing to publish; send the Encounter in the same Bundle."
    return "holds no Encounter; set the content of the subscription to full-resource."


def _encounter_in(entry: object, path: str) -> Json | None:
    """Return the Encounter of an entry, None where it holds another resource or asks for something."""
    if not isinstance(entry, dict):
        raise Refused(path, "must be an object.")
    resource = entry.get("resource")
    if part(resource, "resourceType") == "Bundle":
        raise Refused(f"{path}.resource", "a Bundle in a Bundle is not read; send it by itself.")
    if resource is not None and text(part(resource, "resourceType")) is None:
        raise Refused(f"{path}.resource.resourceType", "is missing; each resource must say what it is.")
    return resource if isinstance(resource, dict) and resource["resourceType"] == "Encounter" else None


def _notification(bundle: Json) -> str | None:
    """Return what a subscription's Bundle is for: R5 by its type, the R4 backport by its first entry."""
    if bundle.get("type") not in ("subscription-notification", "history"):
        return None
    first = part(next((entry for _, entry in items(bundle.get("entry"))), None), "resource")
    said = None
    if part(first, "resourceType") == "SubscriptionStatus":
        said = part(first, "type")
    elif part(first, "resourceType") == "Parameters":
        parameters = [parameter for _, parameter in items(part(first, "parameter"))]
        said = next((one.get("valueCode") for one in parameters if one.get("name") == "type"), None)
    return said if isinstance(said, str) and said in NOTIFICATIONS else None
