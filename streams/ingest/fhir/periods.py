"""Period of an Encounter: when the stay began and ended, as precisely as it is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.errors import InvalidInput
from streams.ingest.fhir.json_values import Json, part
from streams.ingest.fhir.mapping import Phase
from streams.ingest.fhir.times import When, optional, when
from streams.ingest.reading import InputProblem


class Period(NamedTuple):
    """Encounter.period (R4) or Encounter.actualPeriod (R5)."""

    field: str
    start: When | None
    end: When | None

    def beginning(self, starts: Sequence[When]) -> datetime | None:
        """Return when the stay began; where only the day is known, the earliest known time of that day.

        Parameters
        ----------
        starts : sequence of When
            When the patient came to a place, or had a class or status.
        """
        start, end = self.start, self.end
        if start is None or not start.is_day:
            return None if start is None else start.at
        known = [*starts, end] if end is not None and not end.is_day else starts
        return min((time.at for time in known if start.may_be(time.at)), default=start.at)

    def ending(self, began_at: datetime, recorded_at: datetime, moved_at: Iterable[datetime]) -> datetime:
        """Return when the stay ended; where only the day is known, the end of it, but not before the last move.

        Raises
        ------
        InvalidInput
            When the end is missing, or before the start.
        """
        end = self.end
        if end is None:
            raise InvalidInput(f"{self.field}.end", "missing. A stay that has ended needs it.")
        if end.until < began_at:
            raise InvalidInput(f"{self.field}.end", "before the start of the stay. Correct it at the sender.")
        if not end.is_day:
            return end.at
        return max(began_at, min(end.until, recorded_at), *(since for since in moved_at if since <= end.until))


def period_of(encounter: Json, zone: ZoneInfo, phase: Phase, ignored: list[InputProblem]) -> Period:
    """Return the period of an Encounter.

    Raises
    ------
    InvalidInput
        When the start of a stay that has begun, or the end of one that has ended, is not a valid time. Other invalid
        times are added to `ignored`.
    """
    field = "actualPeriod" if isinstance(encounter.get("actualPeriod"), dict) else "period"

    def read(name: str, *, matters: bool) -> When | None:
        value, path = part(encounter, field, name), f"{field}.{name}"
        return when(value, path, zone) if matters else optional(value, path, zone, ignored)

    start = read("start", matters=phase not in (Phase.PLANNED, Phase.VOID))
    return Period(field, start, read("end", matters=phase is Phase.ENDED))
