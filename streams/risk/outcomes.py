"""The `labels` agent: tracks index stays, releases their outcomes and trains the online model, in one worker at a time.

The outcome of an index stay is released when event time has passed day 30 plus the permitted lateness, by due time.
The model first predicts from the frozen features (prequential evaluation), then learns. Its state is saved in the
transaction that releases the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy import Connection, Engine

from models.labels.index_stays import index_exclusion
from models.labels.readmissions import readmitted_within_30_days
from models.readmission.online import OnlineModel
from models.registry import latest_batch_model, load_online_model, online_version, save_online_model
from schemas.state import Encounter, EncounterStatus
from schemas.topics import ONLINE_MODEL, EncounterChanged, OnlineModelChanged
from streams.alerts.store import close_alerts
from streams.risk import outcome_store, score_store
from streams.store import histories
from streams.store.locks import AdvisoryLock, try_lock
from streams.store.outbox import Message, add_messages
from streams.store.people import deaths
from streams.store.watermarks import settled_time
from streams.worker import metrics

MAX_AT_ONCE = 1_000
WINDOW = timedelta(days=30)
"""CMS: readmission within 30 days of discharge."""

log = structlog.get_logger("wardwatch.labels")


def track_index_stays(engine: Engine, changes: list[EncounterChanged], lateness: timedelta) -> None:
    """Add new index stays to the waiting list, and remove stays that are no longer index stays."""
    ended = {change.encounter_id for change in changes if change.status is EncounterStatus.DISCHARGED}
    others = {change.encounter_id for change in changes} - ended
    with engine.begin() as connection:
        stays = histories.encounters(connection, ended)
        died_at = deaths(connection, {stay.patient_token for stay in stays})
        index_stays = [stay for stay in stays if index_exclusion(stay, died_at=died_at.get(stay.patient_token)) is None]
        outcome_store.await_outcomes(connection, index_stays, WINDOW + lateness)
        outcome_store.forget(connection, others | ended - {stay.encounter_id for stay in index_stays})
        _reassess(connection, {change.patient_token for change in changes if change.identity_changed_at is not None})


def _reassess(connection: Connection, tokens: set[str]) -> None:
    """Correct outcomes that were released before a merge, or an undone merge, changed the history of the patients.

    The online model keeps what it learned from the old outcomes.
    """
    if not tokens:
        return
    found = histories.of_persons(connection, tokens)
    stays = {stay.encounter_id: (stay, history) for history in found.values() for stay in history}
    outcome_store.correct(
        connection,
        {
            encounter_id: readmitted_within_30_days(stays[encounter_id][1], stays[encounter_id][0])
            for encounter_id in outcome_store.released(connection, stays)
        },
    )


class OutcomeTrainer:
    """Release of outcomes, and training of the online model with them.

    Parameters
    ----------
    clock : callable
        Wall clock, aware UTC; stamps releases, and moves the board's time on where the feed is caught up.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def release_due(self, engine: Engine) -> int:
        """Release the outcomes that are due, unless another worker does; return the number released."""
        with engine.begin() as connection:
            if not try_lock(connection, AdvisoryLock.LEARN):
                return 0
            reached = settled_time(connection, self._clock())
            stays = outcome_store.due(connection, reached, MAX_AT_ONCE) if reached is not None else []
            if not stays:
                return 0
            model = load_online_model(connection)
            if model is None:
                batch = latest_batch_model(connection)
                model = OnlineModel.untaught(batch.base_rate) if batch is not None else None
            of_person = histories.of_persons(connection, {stay.patient_token for stay in stays})
            died_at = deaths(connection, of_person)
            ready, no_longer = _index_stays(stays, of_person, died_at)
            outcome_store.forget(connection, no_longer)
            frozen = score_store.frozen_features(connection, {stay.encounter_id for stay, _ in ready})
            released, learnt = [], 0
            for stay, index in ready:
                outcome = readmitted_within_30_days(of_person[stay.patient_token], index)
                features = frozen.get((stay.encounter_id, stay.discharged_at))
                risk = None
                if model is not None and features is not None:
                    risk = model.predict_one(features)
                    model.learn_one(features, outcome)
                    learnt += 1
                released.append(outcome_store.Released(stay.encounter_id, outcome, risk))
                metrics.LABELS.labels(str(outcome).lower()).inc()
            now = self._clock()
            outcome_store.release(connection, released, now)
            close_alerts(connection, [stay.encounter_id for stay in stays], now)
            if model is not None and learnt:
                version = online_version(connection) + 1
                save_online_model(connection, model, version)
                change = OnlineModelChanged(version=version, learnt=model.learnt)
                message = Message(ONLINE_MODEL.name, b"online", msgspec.json.encode(change))
                add_messages(connection, [message])
            return len(stays)


def _index_stays(
    stays: list[outcome_store.Waiting], histories: dict[str, list[Encounter]], died_at: Mapping[str, datetime]
) -> tuple[list[tuple[outcome_store.Waiting, Encounter]], list[str]]:
    """Return the stays that are still index stays, with their encounters, and the ids of those that are not.

    Only the whole history shows whether an episode continued in a later stay or another hospital.
    """
    ready, no_longer = [], []
    for stay in stays:
        history = histories.get(stay.patient_token, [])
        index = next((encounter for encounter in history if encounter.encounter_id == stay.encounter_id), None)
        dead_since = died_at.get(stay.patient_token)
        if index is None or index_exclusion(index, history, died_at=dead_since) is not None:
            no_longer.append(stay.encounter_id)
        else:
            ready.append((stay, index))
    return ready, no_longer
