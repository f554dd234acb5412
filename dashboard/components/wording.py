"""Texts for people: durations, counts, reasons. Times are in `schemas.local_time`."""

from __future__ import annotations

import re
from datetime import timedelta

TOKEN_SHOWN = 8


def reason_in_words(label: str, value: str) -> str:
    """Return a reason for people, without words that label and value repeat.

    Examples
    --------
    >>> reason_in_words("Heart failure", "yes"), reason_in_words("Age", "81 years")
    ('Heart failure', 'Age 81 years')
    >>> reason_in_words("Diagnoses", "8 diagnoses")
    '8 diagnoses'
    """
    if value in {"", "yes"}:
        return label
    if value.lower().endswith(f" {label.lower()}"):
        return value
    return f"{label} {value}"


def duration(span: timedelta) -> str:
    """Return a duration in its two largest units; a negative one, of a sender whose clock is ahead, is 0 min.

    Examples
    --------
    >>> duration(timedelta(minutes=48)), duration(timedelta(hours=6, minutes=12)), duration(timedelta(days=3.4))
    ('48 min', '6 h 12 min', '3 d 9 h')
    >>> duration(timedelta(days=13_980))
    '38 years'
    """
    minutes = max(int(span.total_seconds() // 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    if minutes >= 730 * 1440:
        return f"{minutes // 1440 // 365} years"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural.

    Examples
    --------
    >>> counted(1, "bed"), counted(18, "bed")
    ('1 bed', '18 beds')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def short_token(token: str) -> str:
    """Return the part of a patient token that is shown; enough to tell two patients of one list apart."""
    return token[:TOKEN_SHOWN]


def fact_in_words(kind: type) -> str:
    """Return the name of a kind of fact as people read it.

    Examples
    --------
    >>> from schemas.events import PendingTransferCancelled
    >>> fact_in_words(PendingTransferCancelled)
    'Pending transfer cancelled'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).capitalize()
