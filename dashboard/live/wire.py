"""Messages to browsers: the board as tiles, cards and figures. Times are seconds since 1970 (UTC).

The only data about a patient: whether the bed is occupied, since when, the expected discharge, and whether the
readmission risk is high. A bed manager needs no more, and data that is not sent cannot leak.
"""

from __future__ import annotations

import msgspec

from streams.capacity.rules import Severity


class Tile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One bed. `late`: dirty or in cleaning for longer than the facility's target, or not left by the expected time."""

    id: str
    status: str
    since: int | None = None
    due: int | None = None
    leaving: bool = False
    high_risk: bool = False
    late: bool = False
    conflicts: int = 0
    reason: str | None = None


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One unit without its beds. `level` is a `streams.capacity.rules.Level`; `percent` may exceed 100."""

    key: str
    unit_id: str
    name: str
    detail: str
    zone: str
    inpatient: bool
    """Whether its patients count as inpatients: all units but emergency departments."""
    listed: bool
    """Whether the hospital file names it."""
    learnt: bool
    """Whether the file does not name its facility: `staffed` is the number of beds that the feed has shown."""
    known: bool
    """Whether the feed has reported anything about it."""
    level: int
    census: int
    staffed: int
    percent: int | None
    available: int
    to_clean: int
    late_cleaning: int
    reserved: int
    out_of_use: int
    without_bed: int
    """0 if the feed does not name beds: then no patient waits for one."""
    leaving: int
    target_minutes: int
    hours: tuple[int, ...]
    """Census at the last 24 full hours of event time, oldest first."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One number of the row on top."""

    id: str
    label: str
    value: str
    unit: str
    note: str
    scope: str
    """Units that are counted; empty where the note says it."""
    show: str
    """The filter that shows what is counted."""
    tone: str = ""
    """`warning`, `critical`, or empty for a calm state."""


class Attention(msgspec.Struct, frozen=True, kw_only=True):
    """Something that needs a person, and where it is."""

    severity: Severity
    title: str
    note: str
    act: str
    """What to do about it."""
    unit_id: str
    key: str
    bed_id: str | None = None


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """A bed that is expected to become free."""

    key: str
    unit: str
    bed_id: str
    due: int
    overdue: bool


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Summary of the whole board."""

    figures: tuple[Figure, ...]
    attention: tuple[Attention, ...]
    departures: tuple[Departure, ...]
    departures_more: int
    """Number of expected departures beyond those listed."""
    hours: tuple[int, ...]
    """Inpatient census at the last 24 full hours."""
    staffed: int
    """Staffed inpatient beds."""
    beds: str
    """The same in words, which say whether the number is learnt; empty if none is known."""
    place: str
    """What the board shows: hospital, units, beds."""


class BoardUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A card and its tiles."""

    card: Card
    tiles: tuple[Tile, ...]


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the bed page shows at one moment."""

    event_time: int | None
    units: tuple[BoardUnit, ...]
    summary: Summary


class UnitChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Changes in one unit. `whole`: `tiles` are all its beds, not only those that differ."""

    key: str
    card: Card | None = None
    tiles: tuple[Tile, ...] = ()
    whole: bool = False


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """Signs of life. `state`, `title` and `detail` are those of `schemas.signs_of_life.Sign`; ages are wall seconds."""

    state: str
    title: str
    detail: str
    message_age_s: float | None
    broker_age_s: float | None
    past: bool = False
    """Whether the board shows the past: facts are left to read."""
    ahead: str = ""
    """By how much the board's time is ahead of the clock, in words; empty if it is not."""


class Push(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message to a browser: a snapshot (`board`), a delta, or a heartbeat.

    `seq` counts deltas of one server process (`epoch`). A delta brings a browser to `seq` from any number not less than
    `since`; one that is further behind asks for a snapshot.
    """

    epoch: str
    build: str
    seq: int
    sent_ms: int
    feed: Feed
    alerts: int
    """How many messages on alerts were seen: when it grows, lists of alerts are stale."""
    board: Board | None = None
    event_time: int | None = None
    units: tuple[UnitChange, ...] = ()
    summary: Summary | None = None
    delta: bool = False
    since: int = 0
