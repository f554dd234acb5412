"""Signs of life as this process hears them: heartbeats, answers of the broker, and its own reads of the database."""

from __future__ import annotations

from datetime import datetime

from dashboard.live.wire import Feed
from schemas.signs_of_life import Pulse, State, sign
from schemas.topics import Heartbeat

BROKER_LOST_S = 4.0
"""Seconds without an answer of the broker, which the follower checks every second, until it counts as lost."""

LISTENING_S = 4.0
"""Seconds after the broker's first answer in which every process is heard at least once."""

KEPT_S = 3_600.0
"""Seconds for which the last heartbeat of a process that has gone is kept."""


class FeedClock:
    """Records when messages, heartbeats and answers arrived. Times are seconds of a monotonic clock."""

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._message_at: float | None = None
        self._broker_at: float | None = None
        self._listening_since: float | None = None
        self._database = ""
        self._beats: dict[str, tuple[Heartbeat, float]] = {}

    def message(self, now: float) -> None:
        """Record a message, which is an answer of the broker, too."""
        self._message_at = now
        self.broker(now)

    def broker(self, now: float) -> None:
        """Record an answer of the broker; after a silence of it, heartbeats are waited for again."""
        if self._broker_at is None or now - self._broker_at > BROKER_LOST_S:
            self._listening_since = now
        self._broker_at = now

    def heartbeat(self, beat: Heartbeat, now: float) -> None:
        """Record a heartbeat."""
        self._beats[f"{beat.role} {beat.process}"] = (beat, now)
        self._beats = {key: kept for key, kept in self._beats.items() if now - kept[1] <= KEPT_S}

    def database(self, reason: str) -> None:
        """Record why the snapshot could not be read from SQL; empty when it could."""
        self._database = reason

    def read(self, now: float, wall: datetime) -> Feed:
        """Return the signs of life at `now`, which is `wall` on the wall clock."""
        never = self._broker_at is None
        waited_s = now - (self._started_at if self._broker_at is None else self._broker_at)
        listened_s = 0.0 if self._listening_since is None else now - self._listening_since
        found = sign(
            [Pulse(beat, now - at) for beat, at in self._beats.values()],
            wall=wall,
            broker_lost=waited_s > BROKER_LOST_S,
            database=self._database,
            is_starting=never or listened_s < LISTENING_S,
        )
        return Feed(
            state=found.state,
            title=found.title,
            detail=found.detail,
            message_age_s=_age(self._message_at, now),
            broker_age_s=_age(self._broker_at, now),
            past=found.state == State.CATCHING_UP,
        )


def _age(since: float | None, now: float) -> float | None:
    return None if since is None else round(now - since, 1)
