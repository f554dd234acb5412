"""Alerts for the care coordinator: when one is raised, its states, and who acted."""

from streams.alerts.rules import (
    OPEN_STATUSES,
    AlertState,
    AlertStatus,
    IssuedScore,
    LatestScore,
    can_be_followed_up,
    decide,
)
from streams.alerts.store import acknowledge, close_alerts, open_alerts, save_alerts

__all__ = [
    "OPEN_STATUSES",
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
]
