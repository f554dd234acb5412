"""A hospital that never was: an endless, reproducible stream of ADT facts.

Discrete events in simpy, one process for each patient. The clock counts whole seconds, so no rounding can put two
patients into one bed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from schemas.errors import UsageError
from schemas.events import AnyFact
from schemas.hospital import Hospital
from simulators.clock import Clock
from simulators.facility import DischargeTruth, FacilitySimulation
from simulators.profile import QUIET, HospitalProfile
from simulators.reporting import ORDER

SLICE_S = 3_600

__all__ = ["QUIET", "DischargeTruth", "HospitalProfile", "simulate"]


def simulate(
    hospital: Hospital,
    *,
    seed: int,
    start: datetime,
    days: float | None = None,
    profile: HospitalProfile | None = None,
    on_discharge: Callable[[DischargeTruth], None] | None = None,
) -> Iterator[AnyFact]:
    """Yield the facts of a simulated hospital, in the order in which they were recorded (ties: by id).

    Parameters
    ----------
    hospital : Hospital
        Facilities and units; each unit's first `staffed` beds are used.
    seed : int
        0 or more. The same seed and arguments give the same facts, byte for byte.
    start : datetime
        Aware; the hospital opens here by moving its first patients in.
    days : float or None
        How long, in days of event time; None for ever.
    profile : HospitalProfile or None
        Rates; None for the defaults. `QUIET` has no cancels.
    on_discharge : callable or None
        Called with the `DischargeTruth` of each inpatient who left alive, before the discharge is yielded.

    Yields
    ------
    AnyFact
        Those recorded before `start` plus `days`.

    Raises
    ------
    UsageError
        When an argument cannot be used.

    Examples
    --------
    >>> from itertools import islice
    >>> from schemas.hospital import load_hospital
    >>> facts = simulate(load_hospital(), seed=1, start=datetime(2026, 1, 1, tzinfo=UTC))
    >>> [fact.source for fact in islice(facts, 1)]
    ['simulator/HG/1-T85CDC']
    """
    if start.tzinfo is None:
        raise UsageError("The start of a simulation must have a time zone. Add it, as in 2026-01-01T00:00Z.")
    if seed < 0:
        raise UsageError(f"The seed of a simulation must be 0 or more. Got {seed} instead.")
    if days is not None and not days > 0:
        raise UsageError(f"The days of a simulation must be more than 0. Got {days} instead.")
    if not any(unit.staffed for unit in hospital.units.values()):
        raise UsageError("The hospital has no staffed beds. Add some to the hospital file.")
    return _facts(hospital, seed, start.astimezone(UTC).replace(microsecond=0), days, profile, on_discharge)


def _facts(
    hospital: Hospital,
    seed: int,
    start: datetime,
    days: float | None,
    profile: HospitalProfile | None,
    on_discharge: Callable[[DischargeTruth], None] | None,
) -> Iterator[AnyFact]:
    environment = Clock()
    facilities = [
        FacilitySimulation(
            environment,
            facility,
            seed=seed,
            index=index,
            start=start,
            profile=profile or HospitalProfile(),
            on_discharge=on_discharge,
        )
        for index, facility in enumerate(hospital.facilities)
    ]
    clock = facilities[0].feed
    end_s = None if days is None else int(days * 86_400)
    waiting: list[AnyFact] = []
    now_s = 0
    while end_s is None or now_s < end_s:
        now_s = now_s + SLICE_S if end_s is None else min(now_s + SLICE_S, end_s)
        environment.run(until=now_s)
        for facility in facilities:
            waiting += facility.feed.facts
            facility.feed.facts.clear()
        # A fact emitted later is recorded later than now, so everything recorded until now is complete.
        waiting.sort(key=ORDER)
        complete = clock.at(now_s)
        ready = 0
        while ready < len(waiting) and waiting[ready].recorded_at < complete:
            ready += 1
        yield from waiting[:ready]
        del waiting[:ready]
