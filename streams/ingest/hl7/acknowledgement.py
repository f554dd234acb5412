"""The answer to an HL7 v2 message: what was sent, in the sender's own separators, and whether Kafka has it.

Original mode answers AA, AE or AR. Enhanced mode (MSH-15 or MSH-16 filled) answers the accept acknowledgement CA, CE
or CR where MSH-15 asks for one of this outcome, else AA, AE or AR where MSH-16 does. An acknowledgement is never
answered: two systems would acknowledge each other for ever.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from streams.ingest.hl7.header import Header


class Answer(StrEnum):
    """What became of a message."""

    ACCEPTED = "A"
    ERROR = "E"
    REJECTED = "R"


def answer(header: Header, what: Answer, text: str, at: datetime) -> bytes | None:
    """Return the acknowledgement, or None where the sender wants none.

    Parameters
    ----------
    header : Header
        Of the message.
    what : Answer
        What became of it.
    text : str
        Why, for MSA-3; empty when all is well.
    at : datetime
        Now.
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
    """Return whether an acknowledgement condition (HL7 table 0155) asks to hear of an outcome."""
    if condition in ("", "NE"):
        return False
    if condition in ("SU", "ER"):
        return (condition == "SU") == (what is Answer.ACCEPTED)
    return True  # AL, or what the table does not know: better an answer too many than a sender who waits for ever


def _plain(text: str, separators: str) -> str:
    """Return a text without what would be read as a separator."""
    return "".join(" " if letter in separators or letter in "\r\n" else letter for letter in text)
