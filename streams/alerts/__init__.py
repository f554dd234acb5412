"""Alerts for the care coordinator: rules, statuses, and their SQL."""

from streams.alerts.rules import (
    OPEN_STATUSES,
    STATUS_WORDS,
    TRANSITIONS,
    Actor,
    AlertState,
    AlertStatus,
    IssuedScore,
    LatestScore,
    can_be_followed_up,
    decide,
    statuses_before,
)
from streams.alerts.store import acknowledge, close_alerts, open_alerts, save_alerts

__all__ = [
    "OPEN_STATUSES",
    "STATUS_WORDS",
    "TRANSITIONS",
    "Actor",
    "AlertState",
    "AlertStatus",
    "IssuedScore",
    "LatestScore",
    "acknowledge",
    "can_be_followed_up",
    "close_alerts",
    "decide",
    "open_alerts",
    "save_alerts",
    "statuses_before",
]
