"""From FHIR R4 and R5 JSON to facts: Encounters, alone or in a Bundle.

An Encounter is a snapshot: each version says again all that is known of the stay. What it says depends on the resource,
on what comes with it and on the options; the clock counts only where the resource names no time of its own. So the same
resource is the same facts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas import events
from schemas.errors import FactRejected
from schemas.events import (
    AdmissionType,
    AnyFact,
    DeleteDetails,
    Details,
    DischargeDetails,
    Location,
    PatientClass,
    PendingDetails,
    UpdateDetails,
    decode_fact,
    encode_fact,
)
from schemas.pseudonyms import patient_token
from streams.ingest.fhir_codes import ADMISSION_TYPES, BUNDLES, REGISTERED, SEXES, STATUSES, FhirOptions, Phase
from streams.ingest.fhir_json import (
    Json,
    Refused,
    codes,
    identifier,
    instant,
    items,
    latest,
    name,
    part,
    tail,
    text,
)
from streams.ingest.fhir_resources import Place, Resources, Surroundings
from streams.ingest.hl7_time import age_in_years

__all__ = ["FhirError", "FhirOptions", "FhirReading", "read_json", "read_resource"]

RESERVED = ("planned", "reserved")
"""Encounter.location.status of a place where the patient is not yet."""

MOST_ENTRIES = 100_000
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
        Aware UTC; counts as the time of recording where the resource tells none.

    Returns
    -------
    FhirReading
        With facts, with errors, or with both where a Bundle holds good and bad.
    """
    try:
        if part(resource, "resourceType") == "Bundle":
            return _read_bundle(resource, options, pseudonym_key, received_at)  # type: ignore[arg-type]
        if part(resource, "resourceType") != "Encounter":
            raise Refused("resourceType", "must be Encounter, or Bundle with Encounters; send no other resource here.")
        reader = _Reader(resource, "Encounter", Resources(), options, pseudonym_key, received_at)  # type: ignore[arg-type]
        return FhirReading(reader.facts())
    except Refused as error:
        return FhirReading(errors=(FhirError(error.path, error.error),))


def read_json(raw: bytes, options: FhirOptions, pseudonym_key: bytes, received_at: datetime) -> FhirReading:
    """Read a resource from bytes; what is no JSON is an error too. Otherwise as `read_resource`."""
    try:
        resource = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return FhirReading(errors=(FhirError("", f"No JSON: {error}"),))
    except RecursionError:
        return FhirReading(errors=(FhirError("", "The JSON is nested too deeply."),))
    return read_resource(resource, options, pseudonym_key, received_at)


def _read_bundle(bundle: Json, options: FhirOptions, pseudonym_key: bytes, received_at: datetime) -> FhirReading:
    if text(bundle.get("type")) not in BUNDLES:
        raise Refused("Bundle.type", f"must be one of {', '.join(sorted(BUNDLES))}.")
    written = bundle.get("entry", [])
    if not isinstance(written, list):
        raise Refused("Bundle.entry", "must be a list.")
    if len(written) > MOST_ENTRIES:
        raise Refused("Bundle.entry", f"holds more than {MOST_ENTRIES} entries; send fewer at a time.")
    entries = items(written)
    resources = Resources([entry for _, entry in entries])
    notification = _notification(bundle)
    facts: list[AnyFact] = []
    errors: list[FhirError] = []
    encounters = 0
    for index, entry in enumerate(written):
        path = f"Bundle.entry[{index}]"
        try:
            resource = _encounter_in(entry, path)
            if resource is not None:
                encounters += 1
                address = entry.get("fullUrl")
                where = f"{path}.resource"
                reader = _Reader(resource, where, resources, options, pseudonym_key, received_at, address)
                facts += reader.facts()
        except Refused as error:
            errors.append(FhirError(error.path, error.error))
    if not encounters and not errors and written and notification in (None, "event-notification"):
        errors.append(FhirError("Bundle.entry", _without_encounter(notification)))
    return FhirReading(tuple(facts), tuple(errors), notification)


def _without_encounter(notification: str | None) -> str:
    if notification is None:
        return "holds no Encounter, so there is nothing to publish; send the Encounter in the same Bundle."
    return "holds no Encounter; set the content of the subscription to full-resource."


def _encounter_in(entry: object, path: str) -> Json | None:
    """Return the Encounter of an entry, None where it holds another resource or asks for something."""
    if not isinstance(entry, dict):
        raise Refused(path, "must be an object.")
    method, url = part(entry, "request", "method"), tail(part(entry, "request", "url"))
    if method == "DELETE" and url is not None and url[0] == "Encounter":
        remedy = "a deletion does not say whose Encounter it was; send it with the status entered-in-error."
        raise Refused(f"{path}.request", remedy)
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


class _Moves(NamedTuple):
    """Encounter.location, sorted out: where and since when, what has no time, and what is to come."""

    timed: list[tuple[datetime, Location]]
    untimed: Location | None
    planned: tuple[datetime | None, Location] | None


class _Reader:
    """Reads one Encounter."""

    def __init__(
        self,
        encounter: Json,
        path: str,
        resources: Resources,
        options: FhirOptions,
        pseudonym_key: bytes,
        received_at: datetime,
        address: object = None,
    ) -> None:
        self._encounter, self._path, self._options, self._key = encounter, path, options, pseudonym_key
        self._around = Surroundings(encounter, resources, options, address)
        self._patient = self._around.patient()
        self._received_at = received_at

    def facts(self) -> tuple[AnyFact, ...]:
        """Return what the snapshot says.

        Raises
        ------
        Refused
            With the path from the root on.
        """
        try:
            phase = self._phase()
            self._subject, self._token = self._encounter_id(), self._patient_token()
            self._start, self._end = self._period()
            self._moves = self._locations()
            self._recorded_at = self._recorded()
            self._class = self._patient_class()
            if phase is Phase.HERE and self._class is PatientClass.PREADMIT:
                phase = Phase.PLANNED
            return tuple(_SAYS[phase](self))
        except Refused as error:
            raise Refused(f"{self._path}.{error.path}", error.error) from None

    def _phase(self) -> Phase:
        status = self._encounter.get("status")
        phase = STATUSES.get(status) if isinstance(status, str) else None
        if phase is None:
            raise Refused("status", "is none that tells where the stay stands; send one of R4 or R5 but `unknown`.")
        return phase

    def _encounter_id(self) -> str:
        found = identifier(self._encounter.get("identifier"), self._options.visit_identifier_types)
        if found is None:
            where, said = "id", name(self._encounter.get("id"), "id")
        else:
            where = f"identifier[{found[0]}].value"
            said = name(found[1]["value"], where)
        if said is None:
            raise Refused("identifier", "and id are missing, so nobody can know which visit this is; fill one.")
        if said.startswith(("bed:", "patient:")):
            raise Refused(where, "begins like a bed or a patient of ours; send another visit number.")
        return said

    def _patient_token(self) -> str:
        subject = self._encounter.get("subject")
        reference = tail(part(subject, "reference"))
        if reference is not None and reference[0] not in (None, "Patient"):
            raise Refused("subject.reference", "is no Patient; a stay is one patient's.")
        types = self._options.patient_identifier_types
        found = identifier(part(subject, "identifier"), types) or identifier(part(self._patient, "identifier"), types)
        if found is not None:
            system = text(found[1].get("system")) or ""
            authority = self._options.authorities.get(system, system) or self._options.default_authority
            return patient_token(self._key, authority, found[1]["value"].strip())
        if reference is None:
            raise Refused("subject", "names no patient; fill subject.identifier or subject.reference.")
        return patient_token(self._key, f"{self._options.source}:Patient", reference[1])

    def _period(self) -> tuple[datetime | None, datetime | None]:
        field = "actualPeriod" if isinstance(self._encounter.get("actualPeriod"), dict) else "period"
        self._period_path = field
        return self._time(field, "start"), self._time(field, "end")

    def _time(self, *names: str) -> datetime | None:
        return instant(part(self._encounter, *names), ".".join(names), self._options.zone)

    def _recorded(self) -> datetime:
        """Return when this version was written: where it does not say so, when the last thing it tells happened."""
        said = self._time("meta", "lastUpdated")
        if said is not None:
            return said
        told = [self._start, self._end, *(since for since, _ in self._moves.timed)]
        return latest(told, self._received_at) or self._received_at

    def _patient_class(self) -> PatientClass | None:
        known = self._options.classes
        return next((known[code] for code in codes(self._encounter.get("class")) if code in known), None)

    def _locations(self) -> _Moves:
        """Return the places; entries of one time are one place, told at several levels."""
        timed: dict[datetime, list[Place]] = {}
        untimed: list[Place] = []
        planned: list[tuple[datetime | None, Place]] = []
        for index, item in items(self._encounter.get("location")):
            path = f"location[{index}]"
            since = instant(part(item, "period", "start"), f"{path}.period.start", self._options.zone)
            if item.get("status") in RESERVED:
                planned.append((since, Place(item, path)))
            elif since is None:
                untimed.append(Place(item, path))
            else:
                timed.setdefault(since, []).append(Place(item, path))
        moves: list[tuple[datetime, Location]] = []
        for since in sorted(timed):
            found = self._around.location(timed[since], moves[-1][1] if moves else None)
            if found is not None:
                moves.append((since, found))
        before = moves[-1][1] if moves else None
        expected = [since for since, _ in planned if since is not None]
        wanted = self._around.location([place for _, place in planned], before) if planned else None
        return _Moves(
            moves,
            self._around.location(untimed, before) if untimed else None,
            (min(expected, default=None), wanted) if wanted else None,
        )

    def beginning(self) -> datetime:
        """Return when the stay began."""
        if self._start is None:
            raise Refused(f"{self._period_path}.start", "is missing; a stay that began needs it.")
        return self._start

    def ending(self) -> datetime:
        """Return when the stay ended."""
        if self._end is None:
            raise Refused(f"{self._period_path}.end", "is missing; a stay that is over needs it.")
        if self._end < self.beginning():
            raise Refused(f"{self._period_path}.end", "is before the start; correct it at the sender.")
        return self._end

    def planned(self) -> Iterator[AnyFact]:
        """Give a plan, said when it was recorded."""
        expected, place = self._moves.planned or (None, None)
        if place is None:
            place = self._moves.timed[0][1] if self._moves.timed else self._moves.untimed
        data = PendingDetails(
            location=place,
            expected_at=self._start or self._time("plannedStartDate") or expected,
            expected_discharge_at=self._time("plannedEndDate") or self._end,
            service=self._service(),
            diagnoses=self._around.diagnoses(admission=True) + self._around.diagnoses(admission=False),
            **self._of_the_stay(self._recorded_at),
        )
        yield self._fact(events.PatientPreadmitted, "preadmitted", self._recorded_at, data)

    def begun(self, *, over: bool) -> Iterator[AnyFact]:
        """Give the admission with the first place, then the further places and the leaves."""
        at = self.beginning()
        first = [place for since, place in self._moves.timed if since <= at]
        place = first[-1] if first else None
        if place is None and over and not self._moves.timed:
            place = self._moves.untimed
        data = Details(location=place, diagnoses=self._around.diagnoses(admission=True), **self._of_the_stay(at))
        if self._class in REGISTERED:
            yield self._fact(events.PatientRegistered, "registered", at, data)
        else:
            yield self._fact(events.PatientAdmitted, "admitted", at, data)
        for since, further in self._moves.timed[len(first) :]:
            yield self._fact(events.PatientTransferred, "transferred", since, Details(location=further))
        for since, until in self._leaves():
            yield self._fact(events.LeaveStarted, "leave-started", since, Details())
            if until is not None:
                yield self._fact(events.LeaveEnded, "leave-ended", until, Details())

    def here(self) -> Iterator[AnyFact]:
        """Give a stay that goes on; what has no time of its own was said when this version was recorded."""
        yield from self.begun(over=False)
        at = max(self._recorded_at, self.beginning())
        expected = self._time("plannedEndDate")
        if expected is None and self._end is not None and self._end > at:
            expected = self._end
        data = UpdateDetails(
            location=self._moves.untimed,
            service=self._service(),
            expected_discharge_at=expected,
            diagnoses=self._around.diagnoses(admission=False),
        )
        if data != UpdateDetails():
            yield self._fact(events.EncounterUpdated, "updated", at, data)
        if self._moves.planned is not None:
            since, place = self._moves.planned
            pending = PendingDetails(location=place, expected_at=since)
            yield self._fact(events.TransferPending, "transfer-pending", at, pending)

    def on_leave(self) -> Iterator[AnyFact]:
        """Give a stay that goes on, with its patient away."""
        yield from self.here()
        if all(until is not None for _, until in self._leaves()):
            at = max(self._recorded_at, self.beginning())
            yield self._fact(events.LeaveStarted, "leave-started", at, Details())

    def ended(self) -> Iterator[AnyFact]:
        """Give a stay that is over."""
        at = self.ending()
        yield from self.begun(over=True)
        data = DischargeDetails(
            service=self._service(),
            discharge_disposition=self._disposition(),
            diagnoses=self._around.diagnoses(admission=False),
            **self._of_the_patient(at),
        )
        yield self._fact(events.PatientDischarged, "discharged", at, data)

    def void(self) -> Iterator[AnyFact]:
        """Give a stay that never was: a deletion takes back a plan and an admission alike."""
        data = DeleteDetails(reason=self._encounter["status"])
        yield self._fact(events.EncounterDeleted, "deleted", self._recorded_at, data)

    def _leaves(self) -> list[tuple[datetime, datetime | None]]:
        """Return the leaves of absence of R4's statusHistory."""
        found = []
        for index, item in items(self._encounter.get("statusHistory")):
            if item.get("status") == "onleave":
                path = f"statusHistory[{index}].period"
                since = instant(part(item, "period", "start"), f"{path}.start", self._options.zone)
                if since is None:
                    raise Refused(f"{path}.start", "is missing; a leave needs its beginning.")
                found.append((since, instant(part(item, "period", "end"), f"{path}.end", self._options.zone)))
        return sorted(found, key=lambda leave: leave[0])

    def _of_the_stay(self, at: datetime) -> dict[str, Any]:
        return {
            "patient_class": self._class,
            "admission_type": self._admission_type(),
            **self._of_the_patient(at),
        }

    def _of_the_patient(self, at: datetime) -> dict[str, Any]:
        birth_date, gender = part(self._patient, "birthDate"), part(self._patient, "gender")
        return {
            "age_years": age_in_years(birth_date.replace("-", ""), at) if isinstance(birth_date, str) else None,
            "sex": SEXES.get(gender) if isinstance(gender, str) else None,
        }

    def _admission_type(self) -> AdmissionType | None:
        if "born" in codes(self._admission("admitSource")):
            return AdmissionType.NEWBORN
        known = codes(self._encounter.get("priority"))
        return next((ADMISSION_TYPES[code] for code in known if code in ADMISSION_TYPES), None)

    def _admission(self, field: str) -> object:
        found = part(self._encounter, "hospitalization", field)
        return part(self._encounter, "admission", field) if found is None else found

    def _disposition(self) -> str | None:
        said = next(iter(codes(self._admission("dischargeDisposition"))), None)
        if said is None:
            return None
        if said.isdecimal() and len(said) == 1:
            said = f"0{said}"
        return self._options.dispositions.get(said) or name(said, "hospitalization.dischargeDisposition")

    def _service(self) -> str | None:
        """Return the serviceType: a code, or what a person wrote."""
        for _, item in items(self._encounter.get("serviceType")):
            concept = item.get("concept", item)
            said = next(iter(codes(concept)), None) or text(part(concept, "text"))
            if said is not None:
                return name(said, "serviceType")
        return None

    def _fact(self, kind: type[Any], label: str, at: datetime, data: Any) -> AnyFact:
        """Make a fact. Its id is of the resource, its version and the kind, and of what it says.

        One version may come with more or fewer resources around it, and then says more or less.
        """
        fact: AnyFact = kind(
            id="-",
            source=self._options.source,
            subject=self._subject,
            occurred_at=at,
            recorded_at=self._recorded_at,
            partition_key=self._token,
            data=data,
        )
        content = hashlib.blake2b(encode_fact(fact), digest_size=8).hexdigest()
        resource = _short(text(self._encounter.get("id")) or self._subject)
        made: AnyFact = msgspec.structs.replace(fact, id=f"{resource}/{self._version()}/{label}/{content}")
        try:
            return decode_fact(encode_fact(made))
        except FactRejected as error:
            raise Refused("status", f"would give a fact that cannot be used: {error}") from None

    def _version(self) -> str:
        for field in ("versionId", "lastUpdated"):
            said = text(part(self._encounter, "meta", field))
            if said is not None:
                return _short(said)
        try:
            return _digest(json.dumps(self._encounter, sort_keys=True))
        except (ValueError, TypeError, RecursionError):
            return "0"


_SAYS: dict[Phase, Callable[[_Reader], Iterator[AnyFact]]] = {
    Phase.PLANNED: _Reader.planned,
    Phase.HERE: _Reader.here,
    Phase.ON_LEAVE: _Reader.on_leave,
    Phase.ENDED: _Reader.ended,
    Phase.VOID: _Reader.void,
}


def _short(label: str) -> str:
    return label if len(label) <= 64 else _digest(label)


def _digest(said: str) -> str:
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()
