"""The answer to an HL7 v2 message: what was sent, in the sender's own separators, and whether Kafka has it.

Original mode answers AA, AE or AR. Enhanced mode (MSH-15 or MSH-16 filled) answers the accept acknowledgement CA, CE
or CR where MSH-15 asks for one of this outcome, else AA, AE or AR where MSH-16 does. An acknowledgement is never
answered: two systems would acknowledge each other for ever.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from schemas.errors import FactRejected
from streams.ingest.hl7_message import Hl7Message

_FIRST_LINE = re.compile(rb"[\r\n]")
_ANSWERS = re.compile(rb"(?<=[\r\n])[ \t]*MSA[^A-Za-z0-9\s]")


class Answer(StrEnum):
    """What became of a message."""

    ACCEPTED = "A"
    ERROR = "E"
    REJECTED = "R"


class Header(NamedTuple):
    """What the answer repeats of the message."""

    separators: str = "|^~\\&"
    sending: tuple[str, str] = ("", "")
    receiving: tuple[str, str] = ("", "")
    control_id: str = ""
    kind: str = ""
    trigger: str = ""
    processing: str = "P"
    version: str = "2.5"
    accept: str = ""
    application: str = ""
    answers: bool = False
    """It has an MSA segment, so it answers a message of ours and wants no answer itself."""

    @property
    def is_acknowledgement(self) -> bool:
        """Whether it is an acknowledgement and nothing else (MSH-9.1)."""
        return self.kind == "ACK"


def read_header(raw: bytes) -> Header:
    """Return what can be read of a message's header; never raises."""
    try:
        message = Hl7Message(_FIRST_LINE.split(raw.lstrip(b"\x0b\r\n "), maxsplit=1)[0])
    except FactRejected:
        return Header()
    return Header(
        separators=message.separators,
        sending=(message.raw("MSH", 3), message.raw("MSH", 4)),
        receiving=(message.raw("MSH", 5), message.raw("MSH", 6)),
        control_id=message.raw("MSH", 10),
        kind=message.get("MSH", 9).upper(),
        trigger=message.get("MSH", 9, 2),
        processing=message.raw("MSH", 11) or "P",
        version=message.raw("MSH", 12) or "2.5",
        accept=message.get("MSH", 15).upper(),
        application=message.get("MSH", 16).upper(),
        answers=_ANSWERS.search(raw) is not None,
    )


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
