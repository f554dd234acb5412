"""A FHIR Bundle: the facts of its valid entries, and the problems of the others."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cached_property

import msgspec

from schemas.errors import InvalidInput
from schemas.events import AnyFact
from streams.ingest.fhir.context import ReadingContext
from streams.ingest.fhir.deletions import REMEDY, Deletions, deleted
from streams.ingest.fhir.encounter import parse_encounter
from streams.ingest.fhir.facts import facts_of
from streams.ingest.fhir.json_values import Json, items, part, text
from streams.ingest.fhir.mapping import BUNDLES, FhirOptions
from streams.ingest.fhir.notifications import notification_type
from streams.ingest.fhir.observations import read_observation
from streams.ingest.fhir.part_of import is_part
from streams.ingest.fhir.parts import read_part
from streams.ingest.fhir.related import RelatedResources
from streams.ingest.fhir.resources import Resources
from streams.ingest.fhir.times import instant
from streams.ingest.reading import InputProblem, Reading, problem_of

_INDEX = re.compile(r"\[[0-9]+\]")
"""Position in a list: the field is the same whatever its number."""

READ = ("Encounter", "Observation")
"""Types of resource that give facts."""

MAX_ENTRIES = 100_000
"""Per Bundle: each invalid entry adds a problem to the answer."""


class FhirReading(Reading, frozen=True):
    """Result of reading a FHIR resource. An Encounter gives all of its facts or a problem, never half of them."""

    notification: str | None = None
    """Of a subscription's Bundle: `handshake`, `heartbeat` or `event-notification`."""
    warnings: tuple[InputProblem, ...] = ()
    """Invalid times that matter little: the facts were read as if they were missing."""


def read_encounter(encounter: Json, path: str, context: ReadingContext, address: object = None) -> tuple[AnyFact, ...]:
    """Return the facts of an Encounter.

    Parameters
    ----------
    encounter : dict
        The resource.
    path : str
        Its path from the root, for errors.
    context : ReadingContext
        The options, and the Bundle around it.
    address : object
        The fullUrl of its entry.

    Raises
    ------
    InvalidInput
        With the path from the root.
    """
    own = context._replace(ignored=[])
    try:
        if is_part(encounter):
            facts = read_part(encounter, own, address)
        else:
            facts = facts_of(parse_encounter(encounter, own, address), context.options.source)
    except InvalidInput as error:
        raise InvalidInput(f"{path}.{error.where}", error.reason) from None
    context.ignored.extend(problem._replace(where=f"{path}.{problem.where}") for problem in own.ignored)
    unreadable = tuple(sorted({_INDEX.sub("", problem.where) for problem in own.ignored}))
    return tuple(msgspec.structs.replace(fact, unreadable=unreadable) for fact in facts) if unreadable else facts


def read_result(observation: Json, path: str, context: ReadingContext, address: object = None) -> tuple[AnyFact, ...]:
    """Return the facts of an Observation; otherwise as `read_encounter`."""
    try:
        return read_observation(observation, context, address)
    except InvalidInput as error:
        raise InvalidInput(f"{path}.{error.where}", error.reason) from None


class Bundle:
    """A Bundle and its entries, each read on its own.

    Parameters
    ----------
    bundle : dict
        The resource.
    context : ReadingContext
        The options, without a Bundle.

    Raises
    ------
    InvalidInput
        When none of its entries can be read.
    """

    def __init__(self, bundle: Json, context: ReadingContext) -> None:
        if text(bundle.get("type")) not in BUNDLES:
            raise InvalidInput("Bundle.type", f"missing or unsupported. Send one of {', '.join(sorted(BUNDLES))}.")
        entries = bundle.get("entry", [])
        if not isinstance(entries, list):
            raise InvalidInput("Bundle.entry", "not a list. Send a list of entries.")
        if len(entries) > MAX_ENTRIES:
            raise InvalidInput("Bundle.entry", f"more than {MAX_ENTRIES} entries; send fewer at a time.")
        self._bundle, self._entries = bundle, entries
        self._resources = Resources([entry for _, entry in items(entries)])
        self._context = context._replace(resources=self._resources, sent_at=_sent_at(bundle, context.options))
        facts: list[AnyFact] = []
        encounters = 0
        self.invalid: list[tuple[int, InputProblem]] = []
        """Position and problem of each entry that gives no facts."""
        for index, entry in enumerate(entries):
            try:
                found = self._read(entry, f"Bundle.entry[{index}]")
            except InvalidInput as error:
                self.invalid.append((index, problem_of(error)))
            else:
                encounters += found is not None
                facts += found or ()
        self.reading = FhirReading(
            tuple(facts), self._problems(encounters), notification_type(bundle), tuple(self._context.ignored)
        )
        """Result of all entries."""

    def _read(self, entry: object, path: str) -> tuple[AnyFact, ...] | None:
        """Return the facts of an entry, or None where it holds neither an Encounter nor a result, and deletes none."""
        if isinstance(entry, dict) and deleted(entry) is not None:
            return self._delete(entry, path)
        resource = _resource_in(entry, path)
        if resource is None:
            return None
        if resource["resourceType"] == "Observation":
            return read_result(resource, f"{path}.resource", self._context, part(entry, "fullUrl"))
        return read_encounter(resource, f"{path}.resource", self._context, part(entry, "fullUrl"))

    @cached_property
    def _deletions(self) -> Deletions:
        return Deletions(self._entries, self._context.options.zone)

    def _delete(self, entry: Json, path: str) -> tuple[AnyFact, ...]:
        encounter, address = self._deletions.encounter(entry, path)
        sent_at, received_at = self._context.sent_at, self._context.received_at
        context = self._context._replace(sent_at=received_at if sent_at is None else min(sent_at, received_at))
        try:
            return read_encounter(encounter, path, context, address)
        except InvalidInput:
            raise InvalidInput(f"{path}.request", REMEDY) from None

    def _problems(self, encounters: int) -> tuple[InputProblem, ...]:
        problems = [problem for _, problem in self.invalid]
        notification = notification_type(self._bundle)
        if not encounters and not problems and self._entries and notification in (None, "event-notification"):
            problems.append(InputProblem("Bundle.entry", _without_encounter(notification)))
        return tuple(problems)

    def by_itself(self, index: int) -> bytes:
        """Return a Bundle of one entry and the entries that are needed to read it."""
        entry = self._entries[index]
        resource = part(entry, "resource")
        needed: list[object] = []
        if isinstance(resource, dict):
            related = RelatedResources(resource, self._resources, part(entry, "fullUrl"))
            needed = list(related.entries())
            stay = related.find(resource.get("encounter"), "Encounter")  # of an Observation
            needed += [self._resources.entry_of(stay)] if stay is not None else []
        kept = {key: self._bundle[key] for key in ("resourceType", "type", "timestamp") if key in self._bundle}
        return msgspec.json.encode({**kept, "entry": [entry, *(other for other in needed if other is not entry)]})


def _sent_at(bundle: Json, options: FhirOptions) -> datetime | None:
    """Return Bundle.timestamp; an invalid one is ignored."""
    try:
        return instant(bundle.get("timestamp"), "Bundle.timestamp", options.zone)
    except InvalidInput:
        return None


def _without_encounter(notification: str | None) -> str:
    if notification is None:
        return "without an Encounter, so there is nothing to publish. Send the Encounter in the same Bundle."
    return "without an Encounter. Set the content of the subscription to full-resource."


def _resource_in(entry: object, path: str) -> Json | None:
    """Return the Encounter or Observation of an entry, or None where it holds another resource or a request."""
    if not isinstance(entry, dict):
        raise InvalidInput(path, "not an object. Correct it at the sender.")
    resource = entry.get("resource")
    if part(resource, "resourceType") == "Bundle":
        raise InvalidInput(f"{path}.resource", "a Bundle in a Bundle is not supported. Send it by itself.")
    if resource is not None and text(part(resource, "resourceType")) is None:
        raise InvalidInput(f"{path}.resource.resourceType", "missing. Every resource needs it.")
    return resource if isinstance(resource, dict) and resource["resourceType"] in READ else None
