"""The feed of a simulated facility: numbers each event, stamps it with its times, and emits it as a fact."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from schemas.events import (
    AdmissionCancelled,
    AnyFact,
    BedDetails,
    BedStatus,
    BedStatusChanged,
    CancelDetails,
    Details,
    DischargeCancelled,
    DischargeDetails,
    EncounterUpdated,
    Location,
    PatientAdmitted,
    PatientDischarged,
    PatientTransferred,
    TransferCancelled,
    UpdateDetails,
    bed_subject,
)
from simulators.draws import Draws
from simulators.profile import HospitalProfile

MAX_RECORDING_S = 300
"""Seconds between an event and its record, at most."""

ORDER = attrgetter("recorded_at", "id")


class Feed:
    """Collects the facts of one facility, in the order in which they happened.

    Parameters
    ----------
    source : str
        Of every fact.
    start : datetime
        Second 0 of the simulation, aware UTC.
    profile : HospitalProfile
        How long recording takes.
    draws : Draws
        Randomness.

    Attributes
    ----------
    facts : list of AnyFact
        Emitted and not yet taken by the caller, who clears the list.
    """

    def __init__(self, source: str, start: datetime, profile: HospitalProfile, draws: Draws) -> None:
        self._source, self._start, self._draws = source, start, draws
        self._sigma, self._log_median = profile.recording_sigma, math.log(profile.recording_median_s)
        self._number = 0
        self._subjects: dict[int, str] = {}
        self.facts: list[AnyFact] = []

    def admitted(self, at_s: int, encounter_id: str, token: str, details: Details) -> str:
        """Emit an admission; return the fact's id."""
        return self._emit(PatientAdmitted, at_s, encounter_id, token, details)

    def transferred(self, at_s: int, encounter_id: str, token: str, details: Details) -> str:
        """Emit a transfer; return the fact's id."""
        return self._emit(PatientTransferred, at_s, encounter_id, token, details)

    def discharged(self, at_s: int, encounter_id: str, token: str, details: DischargeDetails) -> str:
        """Emit a discharge; return the fact's id."""
        return self._emit(PatientDischarged, at_s, encounter_id, token, details)

    def updated(self, at_s: int, encounter_id: str, token: str, details: UpdateDetails) -> None:
        """Emit an update."""
        self._emit(EncounterUpdated, at_s, encounter_id, token, details)

    def cancelled(
        self,
        kind: type[AdmissionCancelled] | type[TransferCancelled] | type[DischargeCancelled],
        at_s: int,
        encounter_id: str,
        token: str,
        cancels: str,
    ) -> None:
        """Emit the cancel of the fact whose id is `cancels`."""
        self._emit(kind, at_s, encounter_id, token, CancelDetails(cancels=cancels))

    def bed(self, at_s: int, location: Location, status: BedStatus, reason: str | None) -> None:
        """Emit a bed status as housekeeping or the bed desk reports it."""
        subject = self._subjects.get(id(location))
        if subject is None:
            # A bed's location is one object for the whole simulation.
            subject = self._subjects[id(location)] = bed_subject(location)
        self._emit(
            BedStatusChanged, at_s, subject, subject, BedDetails(location=location, status=status, reason=reason)
        )

    def at(self, at_s: int) -> datetime:
        """Return the instant of a second of the simulation, aware UTC."""
        return self._start + timedelta(seconds=at_s)

    def _emit(self, kind: type[Any], at_s: int, subject: str, partition_key: str, data: Any) -> str:
        self._number += 1
        fact_id = f"F{self._number:010d}"
        late_s = 2 + int(math.exp(self._log_median + self._sigma * self._draws.normal()))
        self.facts.append(
            kind(
                id=fact_id,
                source=self._source,
                subject=subject,
                occurred_at=self._start + timedelta(seconds=at_s),
                recorded_at=self._start + timedelta(seconds=at_s + min(late_s, MAX_RECORDING_S)),
                partition_key=partition_key,
                data=data,
            )
        )
        return fact_id
