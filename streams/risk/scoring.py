"""The `risk` agent: scores encounters at their scoring moments with both models, and raises or closes alerts.

A message names an encounter; its state is read from SQL. When event time has passed a midnight, one worker scores all
inpatients of that midnight.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, Engine

from models.labels.rules import DEFAULT, Definition
from models.readmission.online import OnlineModel
from models.readmission.scorer import Scorer
from models.registry import latest_batch_model, latest_batch_model_name, load_online_model, online_version
from schemas.state import Encounter
from streams.alerts.rules import can_be_followed_up
from streams.alerts.store import close_alerts, open_alerts
from streams.fold.bed import PASSING
from streams.risk import score_store
from streams.risk.moments import Due, due_after_merge, due_at_midnight, due_moments, midnights, score_all
from streams.store import histories
from streams.store.locks import AdvisoryLock, try_lock
from streams.store.people import deaths
from streams.store.places import PlacedSince, places_of
from streams.store.watermarks import observed_since, settled_time
from streams.worker import metrics

MAX_AT_ONCE = 2_000
MIDNIGHTS_AT_ONCE = 8
"""Limit for one call: a fast replay passes years in a second, and other agents and a SIGTERM must not wait for it."""

CATCH_UP = timedelta(days=30)
"""How far back moments are scored when the first model appears: earlier discharges are past follow-up."""

FOREVER = datetime.max.replace(tzinfo=UTC)

MODEL_CHECK_S = 1.0
"""Seconds between checks for a newer batch or online model."""

FEED_START_CHECK_S = 60.0
"""Seconds between two looks at since when the feed is observed: it changes when history is sent, and little then."""

log = structlog.get_logger("wardwatch.risk")
Clock = Callable[[], datetime]


class _InUse(NamedTuple):
    """The newest models, and the names under which their scores are stored."""

    scorer: Scorer
    batch_model: str
    online_version: int


class Scoring:
    """Scoring with the newest models. Without a trained model nothing is scored, and `status` shows none.

    Parameters
    ----------
    clock : callable
        Wall clock, aware UTC; stamps alerts, and moves the board's time on where the feed is caught up.
    definition : Definition
        By which stays form episodes: with the zones and units of the hospital file.
    """

    def __init__(self, clock: Clock, definition: Definition = DEFAULT) -> None:
        self._clock = clock
        self._definition = definition
        self._in_use: _InUse | None = None
        self._checked_at = float("-inf")
        self._lock = threading.Lock()
        self._since: datetime | None = None
        self._since_read_at = float("-inf")

    def score_changed(
        self, engine: Engine, encounter_ids: Collection[str], identities: Mapping[str, datetime] | None = None
    ) -> int:
        """Score the moments that these encounters have reached, and return the number of scores issued.

        `identities` has, for encounters whose patient became another person by a merge, the time of that merge.
        """
        with engine.connect().execution_options(read_only=True) as connection:
            models = self._newest(connection)
            if models is None:
                return 0
            found = histories.encounters(connection, encounter_ids)
            dead = deaths(connection, {encounter.patient_token for encounter in found})
            followed_up = {
                encounter.encounter_id
                for encounter in found
                if encounter.patient_token not in dead and can_be_followed_up(encounter)
            }
            given_up = _given_up(connection, found)
            without_follow_up = open_alerts(connection, (set(encounter_ids) - followed_up) | given_up)
        if without_follow_up:  # they need no follow-up any more, and may never reach another scoring moment
            with engine.begin() as connection:
                close_alerts(connection, without_follow_up, self._clock())
        found = [encounter for encounter in found if encounter.encounter_id not in given_up]
        due = [moment for encounter in found for moment in due_moments(encounter)]
        for encounter in found:
            if identities and encounter.encounter_id in identities:
                due += due_after_merge(encounter, identities[encounter.encounter_id])
        return self._issue(engine, due, models)

    def passed_midnights(self, engine: Engine) -> int:
        """Score the inpatients of the next midnights that event time has passed; return the number of midnights."""
        with engine.connect().execution_options(read_only=True) as connection:
            now = settled_time(connection, self._clock())
            models = self._newest(connection)
            since = score_store.scored_until(connection)
            if now is None or models is None:
                return 0
            passed = midnights(since or now - CATCH_UP, now)[:MIDNIGHTS_AT_ONCE]
            if not passed:
                return 0
            inpatients = score_store.inpatients_between(connection, passed[0], passed[-1])
            recent = score_store.in_hospital_since(connection, now - CATCH_UP) if since is None else []
            given_up = _given_up(connection, [*inpatients, *recent])
            left_open = open_alerts(connection, given_up)
        if left_open:
            with engine.begin() as connection:
                close_alerts(connection, left_open, self._clock())
        inpatients, recent = (
            [encounter for encounter in found if encounter.encounter_id not in given_up]
            for found in (inpatients, recent)
        )
        due = [moment for encounter in recent for moment in due_moments(encounter)]
        due += [moment for midnight in passed for moment in due_at_midnight(inpatients, midnight)]
        self._issue(engine, due, models)
        with engine.begin() as connection:
            score_store.save_scored_until(connection, passed[-1])
        return len(passed)

    def _issue(self, engine: Engine, due: Sequence[Due], models: _InUse) -> int:
        issued = 0
        for start in range(0, len(due), MAX_AT_ONCE):
            with engine.connect().execution_options(read_only=True) as connection:
                missing = score_store.not_yet_scored(connection, due[start : start + MAX_AT_ONCE])
                died_at = deaths(connection, {item.encounter.patient_token for item in missing})
                missing = [item for item in missing if item.as_of < died_at.get(item.encounter.patient_token, FOREVER)]
                patients = {item.encounter.patient_token for item in missing}
                of_person = histories.of_persons(connection, patients)
                since = self._observed_since(connection)
            scored = score_all(missing, of_person, models.scorer, since, self._definition)
            if scored:
                with engine.begin() as connection:
                    score_store.save(
                        connection, scored, models.batch_model, models.online_version, self._clock(), died_at
                    )
            for item in scored:
                metrics.SCORES.labels(item.due.moment.value).inc()
            issued += len(scored)
        return issued

    def _observed_since(self, connection: Connection) -> datetime | None:
        """Return since when the feed is observed, read at most once a minute."""
        if time.monotonic() - self._since_read_at >= FEED_START_CHECK_S:
            self._since_read_at = time.monotonic()
            self._since = observed_since(connection)
        return self._since

    def _newest(self, connection: Connection) -> _InUse | None:
        """Return the newest models, or None if no model is trained."""
        with self._lock:
            if time.monotonic() - self._checked_at >= MODEL_CHECK_S:
                self._checked_at = time.monotonic()
                self._in_use = _newer(connection, self._in_use)
            return self._in_use


def _given_up(connection: Connection, encounters: Sequence[Encounter]) -> set[str]:
    """Return the encounters that gave up their place, of these and of the others of their persons.

    They have not ended, but the person is elsewhere or has left since: nobody can follow them up.
    """
    placed = [
        PlacedSince(encounter.patient_token, encounter.unit_stays[0].arrived_at)
        for encounter in encounters
        if encounter.unit_stays and encounter.patient_class not in PASSING
    ]
    return set(places_of(connection, placed).released_at)


def _newer(connection: Connection, known: _InUse | None) -> _InUse | None:
    """Return the newest models, loading only those that changed."""
    name, version = latest_batch_model_name(connection), online_version(connection)
    if name is None or (known is not None and (name, version) == (known.batch_model, known.online_version)):
        return known
    batch = known.scorer.batch if known and name == known.batch_model else latest_batch_model(connection)
    if batch is None:
        return known
    online = load_online_model(connection) or OnlineModel.untaught(batch.base_rate)
    log.debug("models in use", batch_model=name, online_version=version)
    return _InUse(Scorer(batch, online), name, version)


def score_midnights(engine: Engine, scoring: Scoring) -> int:
    """Score the midnights passed; do nothing if another worker holds the lock."""
    with engine.connect() as leader:
        return scoring.passed_midnights(engine) if try_lock(leader, AdvisoryLock.MIDNIGHT) else 0
