"""The outbox: messages written in the transaction that caused them, published after its commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from schemas import tables
from streams.store import bulk


class Message(NamedTuple):
    """A row of the outbox."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: bytes | None = None


def encode_headers(headers: Sequence[tuple[str, bytes]] | None) -> bytes | None:
    """Return Kafka headers as stored in SQL: JSON with values in base64."""
    return msgspec.json.encode(list(headers)) if headers else None


def decode_headers(raw: bytes | None) -> list[tuple[str, bytes]]:
    """Return the Kafka headers that `encode_headers` encoded."""
    return msgspec.json.decode(raw, type=list[tuple[str, bytes]]) if raw else []


def add_messages(connection: Connection, messages: Sequence[Message]) -> None:
    """Put messages into the outbox, in the caller's transaction."""
    bulk.insert(connection, tables.outbox, messages, columns=Message._fields)
