"""Queries of the data-quality page: the findings that a worker writes, and the facts about their subjects."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, case, false, func, not_, select

from schemas import tables
from schemas.events import AnyFact, decode_fact
from schemas.state import Encounter, decode_encounter
from streams.quality.kinds import WORK_ORDER
from streams.quality.seen import MARKED, SAME_FINDING

LISTED = 500
"""Maximum number of findings on the page."""

FACTS_SHOWN = 200

AT_A_TIME = 500
"""Subjects in one query."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list."""

    kind: str
    subject: str
    says: str
    since: datetime | None
    facility_id: str | None
    unit_id: str | None
    bed_id: str | None
    seen_by: str | None = None
    """Who marked it as seen; None if nobody did, or if it has recurred since."""
    seen_at: datetime | None = None
    seen_version: int = 0
    """Version of the mark; 0 if there never was one."""


class FindingList(msgspec.Struct, frozen=True, kw_only=True):
    """The most urgent findings, the number of each kind, and the time of the last check."""

    findings: tuple[Listed, ...]
    counts: dict[str, int]
    seen: int
    """How many of all are marked as seen."""
    dead_letters: int
    looked_at: datetime | None
    """Wall-clock time; None before the first check."""
    event_time: datetime | None


def finding_list(engine: Engine, kind: str | None = None, limit: int = LISTED, *, unseen: bool = False) -> FindingList:
    """Return findings in work order, the oldest of each kind first.

    Parameters
    ----------
    engine : Engine
        The database.
    kind : str or None
        Only this kind; the counts are of all.
    limit : int
        How many findings at most, 1 and up.
    unseen : bool
        Only those that nobody marked as seen.
    """
    column, mark = tables.finding.columns, tables.finding_seen.columns
    wanted: list[ColumnElement[bool]] = [column.kind == kind] if kind else []
    if unseen:
        wanted.append(not_(func.coalesce(MARKED, false())))
    by_kind = case(WORK_ORDER, value=column.kind, else_=len(WORK_ORDER))
    joined = tables.finding.outerjoin(tables.finding_seen, SAME_FINDING)
    query = (
        select(
            *(column[name] for name in OF_FINDING),
            case((MARKED, mark.seen_by)).label("seen_by"),
            case((MARKED, mark.seen_at)).label("seen_at"),
            func.coalesce(mark.version, 0).label("seen_version"),
        )
        .select_from(joined)
        .where(*wanted)
        .order_by(by_kind, column.since.is_(None), column.since, column.subject, column.says)
        .limit(limit)
    )
    with engine.connect().execution_options(read_only=True) as connection:
        counts = connection.execute(select(column.kind, func.count()).group_by(column.kind)).all()
        look = tables.finding_look.columns
        state = connection.execute(select(look.looked_at, look.event_time).where(look.part == "state")).first()
        seen = select(func.count()).select_from(tables.finding.join(tables.finding_seen, SAME_FINDING)).where(MARKED)
        return FindingList(
            findings=tuple(Listed(**row._mapping) for row in connection.execute(query)),
            counts={row[0]: row[1] for row in counts},
            seen=connection.scalar(seen) or 0,
            dead_letters=_unsettled(connection),
            looked_at=state.looked_at if state else None,
            event_time=state.event_time if state else None,
        )


OF_FINDING = ("kind", "subject", "says", "since", "facility_id", "unit_id", "bed_id")


def senders(engine: Engine, subjects: Collection[str]) -> dict[str, str]:
    """Return the source of the facts about each subject; of several, the first by name."""
    fact, found = tables.fact.columns, {}
    ordered = sorted(set(subjects))
    with engine.connect().execution_options(read_only=True) as connection:
        for start in range(0, len(ordered), AT_A_TIME):
            query = select(fact.subject, func.min(fact.source)).group_by(fact.subject)
            rows = connection.execute(query.where(fact.subject.in_(ordered[start : start + AT_A_TIME])))
            found.update({row[0]: row[1] for row in rows})
    return found


def _unsettled(connection: Connection) -> int:
    letter = tables.dead_letter
    query = select(func.count()).select_from(letter).where(letter.columns.settled_at.is_(None))
    return connection.scalar(query) or 0


def facts_about(engine: Engine, subject: str) -> tuple[Encounter | None, list[AnyFact]]:
    """Return the encounter, where the subject is one, and the facts about it, by the time when they happened.

    Parameters
    ----------
    engine : Engine
        The database.
    subject : str
        As a finding names it.
    """
    encounter, fact = tables.encounter.columns, tables.fact.columns
    query = select(fact.body).where(fact.subject == subject).order_by(fact.occurred_at).limit(FACTS_SHOWN)
    with engine.connect().execution_options(read_only=True) as connection:
        state = connection.scalar(select(encounter.state).where(encounter.encounter_id == subject))
        facts = [decode_fact(bytes(body)) for body in connection.scalars(query)]
    return (decode_encounter(bytes(state)) if state is not None else None), facts
