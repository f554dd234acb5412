"""Dead letters, read again: with the current readers and mappings, and published where they are facts now.

A letter is first decoded with the current readers. Only valid facts go to Kafka, and the letter is settled if all of it
can be used. Replaying is idempotent: the log drops duplicate facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Engine

from schemas.errors import FactRejected
from schemas.outgoing import Outgoing, outgoing
from schemas.settings import Settings
from schemas.topics import ADT_EVENTS
from streams.ingest.formats import load_feeds, read
from streams.store.dead_letters import LetterName, Replayed, contents, settle
from streams.store.outbox import Message, add_messages


class ReadAgain(NamedTuple):
    """What a dead letter gives when it is read again."""

    records: list[Outgoing]
    """For Kafka. Facts that were published with the letter are among them; the log drops duplicates."""
    reason: str | None
    """Why a part of it still cannot be used; the letter is then not settled."""


def read_again(raw: bytes, settings: Settings, received_at: datetime | None = None) -> ReadAgain:
    """Decode a letter with the current readers and mappings.

    Parameters
    ----------
    raw : bytes
        The letter, or its corrected content.
    settings : Settings
        For the mappings and the pseudonym key.
    received_at : datetime or None
        Aware UTC, when the letter was first received; used as `recorded_at` if the content has none. None for now.

    Raises
    ------
    FactRejected
        When nothing of it can be used, with the reason.
    """
    reading = read(raw, load_feeds(settings), received_at or datetime.now(UTC))
    reason = reading.rejected
    if reason is not None and not reading.facts:
        raise FactRejected(reason)
    return ReadAgain([outgoing(fact) for fact in reading.facts], reason)


def replay(
    engine: Engine, settings: Settings, names: Sequence[LetterName], *, by: str, now: datetime
) -> list[Replayed]:
    """Read letters again, and publish those that are facts now through the outbox, in one transaction for each.

    Parameters
    ----------
    engine : Engine
        The database.
    settings : Settings
        For the mappings and the pseudonym key.
    names : sequence of LetterName
        The letters.
    by : str
        Name of the person who asks for it.
    now : datetime
        Aware UTC, from the wall clock, because a person acts.

    Returns
    -------
    list of Replayed
        In the order of `names`.
    """
    return [Replayed(name, _replay(engine, settings, name, by, now)) for name in names]


def _replay(engine: Engine, settings: Settings, name: LetterName, by: str, now: datetime) -> str | None:
    with engine.connect().execution_options(read_only=True) as connection:
        letter = contents(connection, name)
    try:
        again = read_again(letter.value or b"", settings, letter.received_at)
    except FactRejected as error:
        return str(error)
    with engine.begin() as connection:
        if again.reason is None and not settle(connection, [name], f"replayed by {by}", now):
            return "It was settled before. Nothing to do."
        add_messages(connection, [Message(ADT_EVENTS.name, record.key, record.value) for record in again.records])
    return again.reason
