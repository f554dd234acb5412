"""Fault injection between any source of facts and Kafka; the same seed gives the same faults.

All faults but a lost discharge can be repaired from the facts: the resulting state must be as without faults. The
injected faults are counted, so that a test knows what to expect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Annotated, Any

import msgspec
import numpy as np

from schemas.errors import UsageError
from schemas.events import (
    AdmissionCancelled,
    AnyFact,
    CancelDetails,
    DischargeCancelled,
    EncounterUpdated,
    MergeDetails,
    PatientAdmitted,
    PatientDischarged,
    PatientsMerged,
    PatientTransferred,
    TransferCancelled,
    UpdateDetails,
    digest,
    encode_fact,
    is_reserved,
    patient_subject,
)
from schemas.outgoing import Outgoing, outgoing
from simulators.draws import Draws

Rate = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]

CANCEL_OF: dict[type, type[Any]] = {
    PatientAdmitted: AdmissionCancelled,
    PatientTransferred: TransferCancelled,
    PatientDischarged: DischargeCancelled,
}
EARLY_UP_TO_S, LATE_UP_TO_S = 1_800.0, 300.0
"""How far wrong the time of an admission (early) or a discharge (late) is, at most, before it is corrected."""
REMEMBERED = 50_000
"""Maximum number of encounters and patients in memory."""
SENT_TOGETHER = 64
"""Number of facts within which the order is mixed."""


class FaultProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates per fact, in [0, 1], of each kind of fault; `longest_delay_s` bounds every delay, in event time."""

    duplicate: Rate = 0.0
    """Sent again, at once or later."""
    delay: Rate = 0.0
    """Comes late."""
    reorder: Rate = 0.0
    """Swapped with a fact shortly after it, of the same patient or another."""
    lost_discharge: Rate = 0.0
    """Of discharges: never sent. The only fault that cannot be repaired."""
    late_discharge: Rate = 0.0
    """Of discharges: hours or days late."""
    reissue: Rate = 0.0
    """Sent, cancelled, and sent again under another id."""
    wrong_time: Rate = 0.0
    """Of admissions and discharges: the time is wrong, and corrected by a later update."""
    merge: Rate = 0.0
    """Of encounters: reported under a second token, which is merged into the first."""
    collision: Rate = 0.0
    """Sent under the id of another fact."""
    garbage: Rate = 0.0
    """Sent beside the fact: bytes that are not a valid fact."""
    longest_delay_s: Annotated[float, msgspec.Meta(ge=1.0)] = 3_600.0


PROFILES = {
    "none": FaultProfile(),
    "mild": FaultProfile(
        duplicate=0.01, delay=0.01, reorder=0.01, late_discharge=0.02, reissue=0.005, wrong_time=0.005, merge=0.002,
        collision=0.0005, garbage=0.0005,
    ),
    "hostile": FaultProfile(
        duplicate=0.10, delay=0.10, reorder=0.20, late_discharge=0.12, reissue=0.05, wrong_time=0.05, merge=0.03,
        collision=0.01, garbage=0.01, longest_delay_s=172_800.0,
    ),
}  # fmt: skip


class FaultReport(msgspec.Struct, kw_only=True):
    """Injected faults: a count for each kind, the encounters whose discharge is lost, and digests of the garbage."""

    seed: int = 0
    facts: int = 0
    records: int = 0
    duplicate: int = 0
    delay: int = 0
    reorder: int = 0
    lost_discharge: int = 0
    late_discharge: int = 0
    reissue: int = 0
    wrong_time: int = 0
    merge: int = 0
    collision: int = 0
    garbage: int = 0
    lost_discharges: list[str] = []
    garbage_digests: list[int] = []


def profile(name: str) -> FaultProfile:
    """Return a profile by its name.

    Raises
    ------
    UsageError
        When the profile is unknown.
    """
    if name not in PROFILES:
        raise UsageError(f"Unknown fault profile {name!r}. Choose one of: {', '.join(PROFILES)}.")
    return PROFILES[name]


def with_faults(
    facts: Iterable[AnyFact | Outgoing], profile: FaultProfile, seed: int, report: FaultReport
) -> Iterator[Outgoing]:
    """Yield records of the facts with faults among them, in the order in which they are to be sent.

    Parameters
    ----------
    facts : iterable of AnyFact or Outgoing
        In the order of `recorded_at`; an Outgoing record passes unchanged.
    profile : FaultProfile
        Rate of each kind of fault.
    seed : int
        0 or more; the same seed gives the same faults.
    report : FaultReport
        Updated while records are yielded.

    Yields
    ------
    Outgoing
        Paced by its `recorded_at`.
    """
    return _Faults(profile, seed, report).run(facts)


class _Faults:
    """Pending records, in a heap by the time at which they are sent."""

    def __init__(self, profile: FaultProfile, seed: int, report: FaultReport) -> None:
        self._profile, self._report = profile, report
        self._draws = Draws(np.random.default_rng([seed, 0x0FA17]))
        report.seed = seed
        self._numbers = count()
        self._waiting: list[tuple[datetime, int, Outgoing]] = []
        self._tokens: dict[str, str] = {}
        self._reissued: dict[str, str] = {}

    def run(self, facts: Iterable[AnyFact | Outgoing]) -> Iterator[Outgoing]:
        """Yield records."""
        for fact in facts:
            if isinstance(fact, Outgoing):
                yield from self._until(fact.recorded_at)
                self._report.records += 1
                yield fact
                continue
            self._report.facts += 1
            self._take(fact)
            yield from self._until(fact.recorded_at)
        while self._waiting:
            yield self._next()

    def _until(self, time: datetime | None) -> Iterator[Outgoing]:
        while self._waiting and (time is None or self._waiting[0][0] <= time):
            yield self._next()

    def _next(self) -> Outgoing:
        at, _, record = heappop(self._waiting)
        self._report.records += 1
        return record._replace(recorded_at=at)

    def _take(self, fact: AnyFact) -> None:
        """Queue a fact with its faults."""
        draws, rates = self._draws, self._profile
        if isinstance(fact, PatientDischarged) and draws.chance(rates.lost_discharge):
            self._report.lost_discharges.append(fact.subject)
            self._count("lost_discharge")
            return
        fact = self._under_second_token(self._of_what_was_reissued(fact))
        if type(fact) in CANCEL_OF and draws.chance(rates.reissue):
            self._reissue(fact)
        elif isinstance(fact, PatientAdmitted | PatientDischarged) and draws.chance(rates.wrong_time):
            self._wrong_time(fact)
        else:
            self._send(fact, self._when(fact))
        if draws.chance(rates.garbage):
            self._garbage(fact)
        if draws.chance(rates.collision):
            self._collide(fact)

    def _when(self, fact: AnyFact) -> datetime:
        """Return when a fact is sent: when it was recorded, or later."""
        draws, rates, at = self._draws, self._profile, fact.recorded_at
        if isinstance(fact, PatientDischarged) and draws.chance(rates.late_discharge):
            self._count("late_discharge")
            return at + timedelta(seconds=draws.between(3_600.0, 72 * 3_600.0))
        if draws.chance(rates.delay):
            self._count("delay")
            return self._later(at)
        if draws.chance(rates.reorder):
            self._count("reorder")
            return at + timedelta(seconds=draws.between(1.0, 1_200.0))
        return at

    def _later(self, at: datetime) -> datetime:
        return at + timedelta(seconds=self._draws.between(1.0, self._profile.longest_delay_s))

    def _send(self, fact: AnyFact, at: datetime) -> None:
        record = outgoing(fact)
        self._put(record, at)
        if self._draws.chance(self._profile.duplicate):
            self._count("duplicate")
            self._put(record, at if self._draws.chance(0.5) else self._later(at))

    def _put(self, record: Outgoing, at: datetime) -> None:
        heappush(self._waiting, (at, next(self._numbers), record))

    def _reissue(self, fact: AnyFact) -> None:
        """Send the fact, its cancel, and the same content under another id; they may overtake each other."""
        self._count("reissue")
        cancel = CANCEL_OF[type(fact)](
            id=f"{fact.id}~cancel", source=fact.source, subject=fact.subject, occurred_at=fact.occurred_at,
            recorded_at=fact.recorded_at, partition_key=fact.partition_key, data=CancelDetails(cancels=fact.id),
        )  # fmt: skip
        again = msgspec.structs.replace(fact, id=f"{fact.id}~again")
        self._remember(self._reissued, fact.id, again.id)
        for each in (fact, cancel, again):
            self._send(each, self._when(each))

    def _of_what_was_reissued(self, fact: AnyFact) -> AnyFact:
        """Redirect the cancel of a fact that was sent again to the fact that is in force."""
        if isinstance(fact, AdmissionCancelled | TransferCancelled | DischargeCancelled):
            stands = self._reissued.get(fact.data.cancels or "")
            if stands is not None:
                return msgspec.structs.replace(fact, data=CancelDetails(cancels=stands))
        return fact

    def _wrong_time(self, fact: PatientAdmitted | PatientDischarged) -> None:
        """Send the fact with a wrong time, and later an update with the right one.

        An admission is moved earlier, a discharge later, so that the order within the stay stays the same.
        """
        self._count("wrong_time")
        if isinstance(fact, PatientAdmitted):
            wrong_by = -timedelta(seconds=1 + int(self._draws.between(0.0, EARLY_UP_TO_S)))
            right = UpdateDetails(admitted_at=fact.occurred_at)
        else:
            wrong_by = timedelta(seconds=1 + int(self._draws.between(0.0, LATE_UP_TO_S)))
            right = UpdateDetails(discharged_at=fact.occurred_at)
        wrong = msgspec.structs.replace(fact, occurred_at=fact.occurred_at + wrong_by)
        correction = EncounterUpdated(
            id=f"{fact.id}~corrected", source=fact.source, subject=fact.subject, occurred_at=wrong.occurred_at,
            recorded_at=fact.recorded_at + timedelta(seconds=1), partition_key=fact.partition_key,
            data=right,
        )  # fmt: skip
        self._send(wrong, self._when(wrong))
        self._send(correction, self._when(correction))

    def _under_second_token(self, fact: AnyFact) -> AnyFact:
        """Report some encounters under a second token of the patient, and merge it into the first."""
        if is_reserved(fact.subject):
            return fact
        if isinstance(fact, PatientAdmitted) and self._draws.chance(self._profile.merge):
            self._count("merge")
            token = fact.partition_key
            second = hashlib.blake2b(f"{token}~second".encode(), digest_size=16).hexdigest()
            self._remember(self._tokens, fact.subject, second)
            merge = PatientsMerged(
                id=f"{fact.id}~merge", source=fact.source, subject=patient_subject(second),
                occurred_at=fact.occurred_at, recorded_at=fact.recorded_at, partition_key=second,
                data=MergeDetails(into=token),
            )  # fmt: skip
            self._send(merge, self._later(merge.recorded_at))
        second_token = self._tokens.get(fact.subject)
        return fact if second_token is None else msgspec.structs.replace(fact, partition_key=second_token)

    def _collide(self, fact: AnyFact) -> None:
        """Send another fact under the same source and id."""
        if is_reserved(fact.subject):
            return
        self._count("collision")
        stranger = EncounterUpdated(
            id=fact.id, source=fact.source, subject=fact.subject, occurred_at=fact.occurred_at,
            recorded_at=fact.recorded_at, partition_key=fact.partition_key, data=UpdateDetails(),
        )  # fmt: skip
        self._put(outgoing(stranger), self._later(fact.recorded_at))

    def _garbage(self, fact: AnyFact) -> None:
        """Send bytes that are not a valid fact beside the fact."""
        body = encode_fact(fact)
        kinds: tuple[Callable[[], bytes], ...] = (
            lambda: body[: 1 + int(self._draws.between(0, len(body) - 2))],
            lambda: bytes(int(self._draws.between(128, 256)) for _ in range(40)),
            lambda: body.replace(b'"specversion":"1.0"', b'"specversion":"9.9"'),
            lambda: b"",
            lambda: b'{"type":"wardwatch.adt.nothing.v1","id":"%d"}' % next(self._numbers),
        )
        raw = kinds[int(self._draws.between(0, len(kinds)))]()
        self._count("garbage")
        self._report.garbage_digests.append(digest(raw))
        self._put(Outgoing(fact.partition_key.encode(), raw), fact.recorded_at)

    def _count(self, kind: str) -> None:
        setattr(self._report, kind, getattr(self._report, kind) + 1)

    def _remember(self, memory: dict[str, Any], key: str, value: Any) -> None:
        memory.pop(key, None)
        memory[key] = value
        if len(memory) > REMEMBERED:
            del memory[next(iter(memory))]


def summary(report: FaultReport) -> str:
    """Return one line about the injected faults, for people."""
    kinds = (
        "duplicate", "delay", "reorder", "lost_discharge", "late_discharge", "reissue", "wrong_time", "merge",
        "collision", "garbage",
    )  # fmt: skip
    counted = [f"{getattr(report, kind):,} {kind.replace('_', ' ')}" for kind in kinds if getattr(report, kind)]
    return f"Faults (seed {report.seed}): {', '.join(counted) or 'none'}."
