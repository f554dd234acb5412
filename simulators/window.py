"""A part of a recording: what was recorded from one time on, and before another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from schemas.errors import UsageError
from schemas.events import AnyFact
from schemas.outgoing import Outgoing


def within(
    records: Iterable[AnyFact | Outgoing], since: datetime | None, until: datetime | None
) -> Iterator[AnyFact | Outgoing]:
    """Yield what was recorded at or after `since` and before `until`; what has no time passes.

    Raises
    ------
    UsageError
        When the window is empty, at once.
    """
    if since is not None and until is not None and since >= until:
        raise UsageError("--from must be before --until.")
    return (record for record in records if _is_within(record.recorded_at, since, until))


def _is_within(time: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    return time is None or ((since is None or time >= since) and (until is None or time < until))
