"""The `labels` agent: tracks index stays, releases their outcomes and trains the online model, in one worker at a time.

The outcome of an index stay is released when event time has passed its 30 days plus the permitted lateness, by due
time. The model first predicts from the frozen features (prequential evaluation), then learns. Its state is saved in the
transaction that releases the labels. A fact that comes later corrects the label; the model keeps what it learned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import structlog
from sqlalchemy import Connection, Engine

from models.features.snapshot import began_at
from models.labels.index_stays import Exclusion, index_exclusion
from models.labels.rules import Definition
from models.labels.verdicts import Verdict, verdicts
from models.readmission.online import OnlineModel
from models.registry import latest_batch_model, load_online_model, online_version, save_online_model
from schemas.state import Encounter, EncounterStatus
from schemas.topics import ONLINE_MODEL, EncounterChanged, OnlineModelChanged
from streams.alerts.store import close_alerts
from streams.risk import outcome_store, score_store
from streams.risk.label_definition import LabelDefinition
from streams.risk.outcome_store import Awaited, Decided, Released, Result, Waiting
from streams.store import histories
from streams.store.locks import AdvisoryLock, lock_shared, try_lock
from streams.store.outbox import Message, add_messages
from streams.store.people import deaths, persons
from streams.store.watermarks import settled_time
from streams.worker import metrics

MAX_AT_ONCE = 1_000
REACH = timedelta(days=32)
"""A stay can change the label of a discharge at most this long before it began: 30 days by date, and the clocks."""

NO_INDEX_STAY = Result(None, None)

log = structlog.get_logger("wardwatch.labels")


def track_index_stays(
    engine: Engine, changes: list[EncounterChanged], lateness: timedelta, labels: LabelDefinition | None = None
) -> None:
    """Add new index stays to the waiting list, remove stays that are no longer index stays, and correct late labels.

    Parameters
    ----------
    engine : Engine
        Of the database.
    changes : list of EncounterChanged
        Encounters whose state, or whose patient, has changed.
    lateness : timedelta
        Time that facts may come late: an outcome is due at the end of the 30 days plus this.
    labels : LabelDefinition or None
        What counts; None for the default without a hospital file.
    """
    ended = {change.encounter_id for change in changes if change.status is EncounterStatus.DISCHARGED}
    others = {change.encounter_id for change in changes} - ended
    with engine.begin() as connection:
        # Not beside a release: what it does not see yet, it could decide without.
        lock_shared(connection, AdvisoryLock.LEARN)
        definition = (labels or LabelDefinition()).read(connection)
        stays = histories.encounters(connection, ended)
        died_at = deaths(connection, {stay.patient_token for stay in stays})
        index_stays = [
            stay
            for stay in stays
            if index_exclusion(stay, (), definition, died_at=died_at.get(stay.patient_token)) is None
        ]
        outcome_store.await_outcomes(connection, [_awaited(stay, definition, lateness) for stay in index_stays])
        outcome_store.forget(connection, others | ended - {stay.encounter_id for stay in index_stays})
        _reassess(connection, changes, stays, definition)


def _awaited(stay: Encounter, definition: Definition, lateness: timedelta) -> Awaited:
    ends = definition.window_ends(stay)
    assert stay.discharged_at is not None
    assert ends is not None
    return Awaited(stay.encounter_id, stay.patient_token, stay.discharged_at, ends + lateness)


def _reassess(
    connection: Connection, changes: Sequence[EncounterChanged], known: Sequence[Encounter], definition: Definition
) -> None:
    """Correct the outcomes that were released before these changes, where the changes make a difference.

    A late fact can do so: a missed admission, a code that the return got at its end, a death, a merge or its undoing.
    """
    tokens = {change.patient_token for change in changes}.union(*(stay.other_tokens for stay in known))
    person_of = persons(connection, tokens)
    decided = outcome_store.decided(connection, person_of)
    if not decided:
        return
    of_person: dict[str, list[Decided]] = {}
    for label in decided:
        of_person.setdefault(person_of[label.patient_token], []).append(label)
    states = {stay.encounter_id: stay for stay in known}
    missing = {
        change.encounter_id
        for change in changes
        if change.encounter_id not in states and person_of[change.patient_token] in of_person
    }
    states |= {stay.encounter_id: stay for stay in histories.encounters(connection, missing)}
    concerned = {
        person
        for change in changes
        for person in _persons_of(change, states, person_of)
        if person in of_person and _may_differ(change, states.get(change.encounter_id), of_person[person])
    }
    if not concerned:
        return
    judged = _judge(connection, concerned, definition)
    corrected = {}
    for person in concerned:
        for label in of_person[person]:
            verdict = judged.get(label.encounter_id)
            result = _result(verdict) if verdict is not None else NO_INDEX_STAY
            if result != label.result:
                corrected[label.encounter_id] = result
    outcome_store.correct(connection, corrected)


def _persons_of(change: EncounterChanged, states: Mapping[str, Encounter], person_of: Mapping[str, str]) -> set[str]:
    """Return the persons under whom an encounter is or was reported."""
    state = states.get(change.encounter_id)
    tokens = (change.patient_token, *(state.other_tokens if state is not None else ()))
    return {person_of[token] for token in tokens if token in person_of}


def _may_differ(change: EncounterChanged, state: Encounter | None, labels: Sequence[Decided]) -> bool:
    """Return whether a changed encounter can make one of these labels wrong."""
    began = began_at(state) if state is not None else None
    if began is None or change.identity_changed_at is not None or change.status is EncounterStatus.CANCELLED:
        return True
    return any(
        label.discharged_at >= began - REACH
        or label.result == NO_INDEX_STAY
        or label.result.readmission_encounter_id == change.encounter_id
        for label in labels
    )


def _judge(connection: Connection, tokens: set[str], definition: Definition) -> dict[str, Verdict]:
    """Return the verdict on each encounter of these patients."""
    found = histories.of_persons(connection, tokens)
    died_at = deaths(connection, found)
    return {
        verdict.stay.encounter_id: verdict
        for token, history in found.items()
        for verdict in verdicts(history, definition, died_at=died_at.get(token))
    }


def _result(verdict: Verdict) -> Result:
    if verdict.is_readmitted is None:
        return NO_INDEX_STAY
    return Result(verdict.is_readmitted, verdict.returned.encounter_id if verdict.returned is not None else None)


class _Sorted(NamedTuple):
    """Stays whose outcome is due, by what is to be done."""

    ready: list[tuple[Waiting, Verdict]]
    continued: list[str]
    """The episode continues in another stay: decided as no index stay."""
    gone: list[str]
    """No index stays by themselves, as their own changes will tell."""
    early: dict[str, datetime]
    """The 30 days end later than the row says, as of rows from before they were counted by date."""


class OutcomeTrainer:
    """Release of outcomes, and training of the online model with them.

    Parameters
    ----------
    clock : callable
        Wall clock, aware UTC; stamps releases, and moves the board's time on where the feed is caught up.
    labels : LabelDefinition or None
        What counts; None for the default without a hospital file.
    """

    def __init__(self, clock: Callable[[], datetime], labels: LabelDefinition | None = None) -> None:
        self._clock = clock
        self._labels = labels or LabelDefinition()

    def release_due(self, engine: Engine) -> int:
        """Release the outcomes that are due, unless another worker does; return the number released."""
        with engine.begin() as connection:
            if not try_lock(connection, AdvisoryLock.LEARN):
                return 0
            reached = settled_time(connection, self._clock())
            stays = outcome_store.due(connection, reached, MAX_AT_ONCE) if reached is not None else []
            if reached is None or not stays:
                return 0
            model = load_online_model(connection)
            if model is None:
                batch = latest_batch_model(connection)
                model = OnlineModel.untaught(batch.base_rate) if batch is not None else None
            definition = self._labels.read(connection)
            judged = _judge(connection, {stay.patient_token for stay in stays}, definition)
            found = _sort(stays, judged, definition, reached)
            outcome_store.forget(connection, found.gone)
            outcome_store.postpone(connection, found.early)
            frozen = score_store.frozen_features(connection, {stay.encounter_id for stay, _ in found.ready})
            released, learnt = [Released(encounter_id, NO_INDEX_STAY, None) for encounter_id in found.continued], 0
            for stay, verdict in found.ready:
                result = _result(verdict)
                outcome = bool(result.readmitted_30d)
                features = frozen.get((stay.encounter_id, stay.discharged_at))
                risk = None
                if model is not None and features is not None:
                    risk = model.predict_one(features)
                    model.learn_one(features, outcome)
                    learnt += 1
                released.append(Released(stay.encounter_id, result, risk))
                metrics.LABELS.labels(str(outcome).lower()).inc()
            now = self._clock()
            outcome_store.release(connection, released, now)
            close_alerts(connection, [stay.encounter_id for stay in stays if stay.encounter_id not in found.early], now)
            if model is not None and learnt:
                version = online_version(connection) + 1
                save_online_model(connection, model, version)
                change = OnlineModelChanged(version=version, learnt=model.learnt)
                message = Message(ONLINE_MODEL.name, b"online", msgspec.json.encode(change))
                add_messages(connection, [message])
            return len(stays)


def _sort(
    stays: Sequence[Waiting], judged: Mapping[str, Verdict], definition: Definition, reached: datetime
) -> _Sorted:
    """Sort the stays that are due. Only the whole history shows whether an episode continued in another stay."""
    found = _Sorted([], [], [], {})
    for stay in stays:
        verdict = judged.get(stay.encounter_id)
        ends = definition.window_ends(verdict.stay) if verdict is not None else None
        if verdict is None or verdict.exclusion not in (None, Exclusion.CONTINUED):
            found.gone.append(stay.encounter_id)
        elif ends is not None and ends > reached:
            found.early[stay.encounter_id] = ends
        elif verdict.exclusion is Exclusion.CONTINUED:
            found.continued.append(stay.encounter_id)
        else:
            found.ready.append((stay, verdict))
    return found
