"""The feed of a simulated facility: what happened becomes facts, numbered and stamped."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from operator import attrgetter

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

ORDER = attrgetter("recorded_at", "id")


class Feed:
    """Collects the facts of one facility.

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
    """

    def __init__(self, source: str, start: datetime, profile: HospitalProfile, draws: Draws) -> None:
        self._source, self._start, self._draws = source, start, draws
        self._sigma, self._log_median = profile.recording_sigma, math.log(profile.recording_median_s)
        self._number = 0
        self._subjects: dict[int, str] = {}
        self.told: list[AnyFact] = []

    def admitted(self, at_s: int, encounter_id: str, token: str, details: Details) -> str:
        """Tell of an admission; return the fact's id."""
        fact_id, occurred, recorded = self._stamp(at_s)
        self.told.append(
            PatientAdmitted(
                id=fact_id, source=self._source, subject=encounter_id, occurred_at=occurred, recorded_at=recorded,
                partition_key=token, data=details,
            )
        )  # fmt: skip
        return fact_id

    def transferred(self, at_s: int, encounter_id: str, token: str, details: Details) -> str:
        """Tell of a transfer; return the fact's id."""
        fact_id, occurred, recorded = self._stamp(at_s)
        self.told.append(
            PatientTransferred(
                id=fact_id, source=self._source, subject=encounter_id, occurred_at=occurred, recorded_at=recorded,
                partition_key=token, data=details,
            )
        )  # fmt: skip
        return fact_id

    def discharged(self, at_s: int, encounter_id: str, token: str, details: DischargeDetails) -> str:
        """Tell of a discharge; return the fact's id."""
        fact_id, occurred, recorded = self._stamp(at_s)
        self.told.append(
            PatientDischarged(
                id=fact_id, source=self._source, subject=encounter_id, occurred_at=occurred, recorded_at=recorded,
                partition_key=token, data=details,
            )
        )  # fmt: skip
        return fact_id

    def updated(self, at_s: int, encounter_id: str, token: str, details: UpdateDetails) -> None:
        """Tell of an update."""
        fact_id, occurred, recorded = self._stamp(at_s)
        self.told.append(
            EncounterUpdated(
                id=fact_id, source=self._source, subject=encounter_id, occurred_at=occurred, recorded_at=recorded,
                partition_key=token, data=details,
            )
        )  # fmt: skip

    def cancelled(
        self,
        kind: type[AdmissionCancelled] | type[TransferCancelled] | type[DischargeCancelled],
        at_s: int,
        encounter_id: str,
        token: str,
        cancels: str,
    ) -> None:
        """Tell that an earlier fact, `cancels`, is taken back."""
        fact_id, occurred, recorded = self._stamp(at_s)
        self.told.append(
            kind(
                id=fact_id, source=self._source, subject=encounter_id, occurred_at=occurred, recorded_at=recorded,
                partition_key=token, data=CancelDetails(cancels=cancels),
            )
        )  # fmt: skip

    def bed(self, at_s: int, location: Location, status: BedStatus, reason: str | None) -> None:
        """Tell what housekeeping or the bed desk says of a bed."""
        fact_id, occurred, recorded = self._stamp(at_s)
        subject = self._subjects.get(id(location))
        if subject is None:
            # A bed's location is one object for the whole simulation.
            subject = self._subjects[id(location)] = bed_subject(location)
        self.told.append(
            BedStatusChanged(
                id=fact_id, source=self._source, subject=subject, occurred_at=occurred, recorded_at=recorded,
                partition_key=subject, data=BedDetails(location=location, status=status, reason=reason),
            )
        )  # fmt: skip

    def at(self, at_s: int) -> datetime:
        """Return the instant of a second of the simulation."""
        return self._start + timedelta(seconds=at_s)

    def _stamp(self, at_s: int) -> tuple[str, datetime, datetime]:
        self._number += 1
        late_s = 2 + int(math.exp(self._log_median + self._sigma * self._draws.normal()))
        occurred = self._start + timedelta(seconds=at_s)
        recorded = self._start + timedelta(seconds=at_s + min(late_s, MAX_RECORDING_S))
        return f"F{self._number:010d}", occurred, recorded
