"""Rows of the outbox: what is to be published after the commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class Message(NamedTuple):
    """A row of the outbox: what is to be published after the commit."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: bytes | None = None


def encode_headers(headers: Sequence[tuple[str, bytes]] | None) -> bytes | None:
    """Return Kafka headers as SQL keeps them: JSON, values in base64."""
    return msgspec.json.encode(list(headers)) if headers else None


def decode_headers(raw: bytes | None) -> list[tuple[str, bytes]]:
    """Read what `encode_headers` wrote."""
    return msgspec.json.decode(raw, type=list[tuple[str, bytes]]) if raw else []
