"""Part of a recording: the records from one time on, and before another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from schemas.errors import UsageError
from schemas.events import AnyFact
from schemas.outgoing import Outgoing


def within(
    records: Iterable[AnyFact | Outgoing], since: datetime | None, until: datetime | None
) -> Iterator[AnyFact | Outgoing]:
    """Yield records with `since <= recorded_at < until`; records without a time pass.

    Raises
    ------
    UsageError
        At once, when the window is empty.
    """
    if since is not None and until is not None and since >= until:
        raise UsageError("--from must be before --until.")
    return (record for record in records if _is_within(record.recorded_at, since, until))


def _is_within(time: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    return time is None or ((since is None or time >= since) and (until is None or time < until))
