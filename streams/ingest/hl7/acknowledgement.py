"""Acknowledgement of an HL7 v2 message (ACK), in the sender's own separators.

Original mode: AA, AE or AR. Enhanced mode (MSH-15 or MSH-16 filled): the accept acknowledgement CA, CE or CR where
MSH-15 asks for one of this outcome, else AA, AE or AR where MSH-16 does. An acknowledgement is never acknowledged: two
systems would acknowledge each other without end.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from streams.ingest.hl7.header import Header


class Answer(StrEnum):
    """Outcome of a message, as the second letter of MSA-1."""

    ACCEPTED = "A"
    ERROR = "E"
    REJECTED = "R"


def answer(header: Header, what: Answer, text: str, at: datetime) -> bytes | None:
    """Return the acknowledgement, or None where the sender does not ask for one.

    Parameters
    ----------
    header : Header
        Of the message.
    what : Answer
        Its outcome.
    text : str
        Why it is not accepted, for MSA-3; else empty.
    at : datetime
        When the acknowledgement is sent.
    """
    code = _code(header, what)
    if code is None:
        return None
    field, component = header.separators[0], header.separators[1]
    acknowledged = component.join(part for part in ("ACK", header.trigger, "ACK" if header.trigger else "") if part)
    first = [
        "MSH" + field + header.separators[1:],
        *header.receiving,
        *header.sending,
        at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000"),
        "",
        acknowledged,
        f"W{header.control_id}"[:199],
        header.processing,
        header.version,
    ]
    second = ["MSA", code, header.control_id, *([_plain(text, header.separators)] if text else [])]
    return "\r".join((field.join(first), field.join(second), "")).encode()


def _code(header: Header, what: Answer) -> str | None:
    if header.answers or header.is_acknowledgement:
        return None
    if not header.accept and not header.application:
        return f"A{what.value}"
    if _asked(header.accept, what):
        return f"C{what.value}"
    return f"A{what.value}" if _asked(header.application, what) else None


def _asked(condition: str, what: Answer) -> bool:
    """Return whether an acknowledgement condition (HL7 table 0155) asks for an acknowledgement of this outcome."""
    if condition in ("", "NE"):
        return False
    if condition in ("SU", "ER"):
        return (condition == "SU") == (what is Answer.ACCEPTED)
    return True  # AL or an unknown code: one acknowledgement too many is better than a sender who waits without end


def _plain(text: str, separators: str) -> str:
    """Return a text without separators and line breaks."""
    return "".join(" " if letter in separators or letter in "\r\n" else letter for letter in text)
