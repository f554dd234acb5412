"""Freshness of the board: a silent feed, a lost broker and a lost database are three states."""

from __future__ import annotations

from enum import StrEnum

from dashboard.live.wire import Feed

FRESH_S = 5.0
"""Maximum age in seconds of the last message for the state `live`."""

BROKER_LOST_S = 4.0
"""Seconds without an answer of the broker, which the follower checks every second, until it counts as lost."""


class FeedState(StrEnum):
    """State of the feed."""

    STARTING = "starting"
    LIVE = "live"
    SILENT = "silent"
    """The broker answers but no message came: a calm hospital or a stopped worker. They cannot be distinguished."""
    BROKER_LOST = "broker_lost"
    DATABASE_LOST = "database_lost"


class FeedClock:
    """Records when messages and answers arrived. Times are seconds of a monotonic clock."""

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._message_at: float | None = None
        self._broker_at: float | None = None
        self._database_lost = False

    def message(self, now: float) -> None:
        """Record a message, which is an answer of the broker, too."""
        self._message_at = self._broker_at = now

    def broker(self, now: float) -> None:
        """Record an answer of the broker."""
        self._broker_at = now

    def database(self, *, lost: bool) -> None:
        """Record whether the snapshot could be read from SQL."""
        self._database_lost = lost

    def read(self, now: float) -> Feed:
        """Return the freshness at `now`."""
        return Feed(
            state=self._state(now),
            message_age_s=_age(self._message_at, now),
            broker_age_s=_age(self._broker_at, now),
        )

    def _state(self, now: float) -> FeedState:
        if self._database_lost:
            return FeedState.DATABASE_LOST
        if self._broker_at is None:
            starting = now - self._started_at <= BROKER_LOST_S
            return FeedState.STARTING if starting else FeedState.BROKER_LOST
        if now - self._broker_at > BROKER_LOST_S:
            return FeedState.BROKER_LOST
        if self._message_at is not None and now - self._message_at <= FRESH_S:
            return FeedState.LIVE
        return FeedState.SILENT


def _age(since: float | None, now: float) -> float | None:
    return None if since is None else round(now - since, 1)
