"""Values that one batch reads from the database and writes back, between SQL and the decisions. Pure.

`streams.store.unit_of_work` reads `Before` and writes `Changes`; `streams.adt.changes` computes one from the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from schemas.events import AnyFact, BedStatusChanged
from schemas.state import Encounter, Patient
from streams.fold.event_time import PartitionMark
from streams.fold.merges import MergeOrder
from streams.fold.parts import Link
from streams.store.outbox import Message

State = TypeVar("State", Encounter, Patient)

Unit = tuple[str, str]
"""Facility and unit."""

Place = tuple[str, str, str]
"""Facility, unit and bed; the bed is empty where only the unit is named."""

LetterKey = tuple[int, int, int]
"""Partition, offset and digest of a rejected record."""


class FactKey(NamedTuple):
    """What tells two facts apart; an exact duplicate has the same key."""

    subject: str
    source: str
    event_id: str
    digest: int


class FactRow(NamedTuple):
    """A row of the fact log."""

    subject: str
    source: str
    event_id: str
    digest: int
    occurred_at: datetime
    received_at: datetime
    body: bytes

    @property
    def key(self) -> FactKey:
        """The fact without its times and its body."""
        return FactKey(*self[:4])


class DeadLetter(NamedTuple):
    """A rejected record, byte for byte, and the reason."""

    topic: str
    partition: int
    offset: int
    digest: int
    received_at: datetime
    reason: str
    key: bytes | None
    value: bytes | None
    headers: bytes | None


class Stored(NamedTuple, Generic[State]):
    """A state as stored in SQL, with its version; the next write must have the next version."""

    version: int
    state: State


class Change(NamedTuple, Generic[State]):
    """States of one encounter or patient before and after a batch; None if it does not exist."""

    stored: Stored[State] | None
    after: State | None

    @property
    def before(self) -> State | None:
        """The state that was stored."""
        return self.stored.state if self.stored else None


class WaitingPlan(NamedTuple):
    """A place reserved for a patient by a plan without a visit number."""

    patient_token: str
    unit: Unit


class People(NamedTuple):
    """Tokens, aliases, merges and encounters that patient merges connect to the patients of a batch."""

    tokens: Collection[str]
    aliases: Mapping[str, str]
    """Person by merged token, as stored."""
    merges: Mapping[str, tuple[str, MergeOrder]]
    """Target and time of each stored merge, by merged token."""
    encounters: Sequence[Encounter]
    """Encounters stored under one of the tokens."""
    links: Mapping[str, Sequence[str]] = {}
    """Tokens of the chosen numbers, by token of a further number, as stored."""


class AliasChanges(NamedTuple):
    """Rows of `alias` to delete and to write."""

    gone: Sequence[str]
    written: Sequence[tuple[str, str]]


class Touched(NamedTuple):
    """Keys of everything that must be read to decide on a batch."""

    topic: str
    has_new_facts: bool = False
    encounters: Collection[str] = ()
    merged_into: Collection[str] = ()
    """Encounters that facts of the batch name as the target of a merge."""
    patients: Mapping[str, str] = {}
    """Subject by patient token."""
    concerns_persons: bool = False
    """Whether a fact of the batch concerns all encounters of a person: a merge, or a death."""
    links: Collection[tuple[str, str]] = ()
    """Tokens of further numbers, each with the token of the chosen number; mostly known already."""
    rejected: Collection[LetterKey] = ()
    known_facts: Mapping[bytes, AnyFact] = {}
    """Facts of the batch by body, so that they are not decoded again."""


class Before(NamedTuple):
    """Snapshot of the part of the database that a batch touches, before the batch."""

    has_new_facts: bool = False
    encounters: Mapping[str, Stored[Encounter]] = {}
    facts: Mapping[str, Sequence[Any]] = {}
    """All facts about each touched encounter that no merge or part connects to another."""
    merge_groups: Mapping[str, Sequence[Any]] = {}
    """All facts about each encounter and part that merges or parts connect to a touched one."""
    patients: Mapping[str, Stored[Patient]] = {}
    patient_facts: Sequence[Sequence[Any]] = ()
    people: People | None = None
    waiting_plans: Sequence[WaitingPlan] = ()
    persons: Mapping[str, str] = {}
    """Person of each token of the patients for whom a plan waits."""
    watermarks: Mapping[int, PartitionMark] = {}
    known_letters: Collection[LetterKey] = ()


class Changes(NamedTuple):
    """All that a batch writes."""

    topic: str
    encounters: Sequence[Change[Encounter]] = ()
    patients: Sequence[Change[Patient]] = ()
    beds: Sequence[BedStatusChanged] = ()
    aliases: AliasChanges | None = None
    places: Collection[Place] = ()
    """Places that the facts of the batch name."""
    encounter_merges: Collection[tuple[str, str]] = ()
    unreadable: Collection[tuple[str, str]] = ()
    """Source and field of each field that is filled and not valid."""
    """Encounter and target of each merge in the batch."""
    dead_letters: Sequence[DeadLetter] = ()
    watermarks: Mapping[int, PartitionMark] = {}
    hours: Mapping[tuple[datetime, int], int] = {}
    """New facts by the hour in which they were recorded, and partition."""
    messages: Sequence[Message] = ()
    part_links: Mapping[Link, bool] = {}
    """Links of the touched parts, and whether each part waits for its stay."""
