"""The header of an HL7 v2 message (MSH), as far as its acknowledgement repeats it."""

from __future__ import annotations

import re
from typing import NamedTuple

from schemas.errors import InvalidInput
from streams.ingest.hl7.message import Hl7Message, parse_message

_FIRST_LINE = re.compile(rb"[\r\n]")
_ANSWERS = re.compile(rb"(?<=[\r\n])[ \t]*MSA[^A-Za-z0-9\s]")


class Header(NamedTuple):
    """Fields of MSH that the acknowledgement repeats, and those that say whether to send one."""

    separators: str = "|^~\\&"
    sending: tuple[str, str] = ("", "")
    receiving: tuple[str, str] = ("", "")
    control_id: str = ""
    kind: str = ""
    trigger: str = ""
    processing: str = "P"
    version: str = "2.5"
    accept: str = ""
    """MSH-15: when to send an accept acknowledgement."""
    application: str = ""
    """MSH-16: when to send an application acknowledgement."""
    answers: bool = False
    """Whether the message has an MSA segment: it answers another message and is not acknowledged itself."""

    @property
    def is_acknowledgement(self) -> bool:
        """Whether the message is only an acknowledgement (MSH-9.1 is ACK)."""
        return self.kind == "ACK"


def header_of(message: Hl7Message, raw: bytes) -> Header:
    """Return the header of a message that was parsed from `raw`."""
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


def read_header(raw: bytes) -> Header:
    """Return the header of a message that cannot be parsed as a whole; empty where the header cannot be parsed."""
    try:
        return header_of(parse_message(_FIRST_LINE.split(raw.lstrip(b"\x0b\r\n "), maxsplit=1)[0]), raw)
    except InvalidInput:
        return Header()
