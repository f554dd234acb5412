"""JSON as bytes: byte order mark, lines, and errors of malformed JSON."""

from __future__ import annotations

import msgspec

from schemas.errors import InvalidInput

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decode_json(raw: bytes) -> object:
    """Return JSON as Python objects; a byte order mark before it is skipped.

    Raises
    ------
    InvalidInput
        When it is not JSON.
    """
    try:
        return msgspec.json.decode(raw.removeprefix(BYTE_ORDER_MARK))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error) from None


def malformed(error: Exception) -> InvalidInput:
    """Return the error for JSON that msgspec cannot decode."""
    if isinstance(error, RecursionError):
        return InvalidInput("", "The JSON is nested too deeply. Correct it at the sender.")
    return InvalidInput("", f"Not valid JSON: {error}. Correct it at the sender.")


def split_lines(body: bytes) -> list[bytes]:
    """Return the lines of newline-delimited JSON that are not empty."""
    return [line for line in (line.strip() for line in body.split(b"\n")) if line]
