"""The fields of one ADT message by the feed's mapping: texts, times, and who sent it.

What a message says depends on its bytes and the mapping alone, never on when it arrived: the same message gives the
same facts.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cached_property

from schemas.errors import InvalidInput
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.ingest.hl7.message import Hl7Message
from streams.ingest.hl7.times import Moment, read_moment

MAX_NAME = 200
"""Characters of a text in a fact."""


class FieldReader:
    """Reads the fields of one message, or of a part of it.

    Parameters
    ----------
    message : Hl7Message
        The message or part.
    mapping : Hl7Mapping
        Of the feed.
    pseudonym_key : bytes
        Turns patient numbers into tokens.
    message_id : str
        The id of the message, and of its fact.
    source : str
        The name of the feed in its facts.
    """

    def __init__(
        self, message: Hl7Message, mapping: Hl7Mapping, pseudonym_key: bytes, message_id: str, source: str
    ) -> None:
        self.message, self.mapping, self.pseudonym_key = message, mapping, pseudonym_key
        self.message_id, self.source = message_id, source

    def by_person(self) -> list[FieldReader]:
        """Return a reader for each PID and the segments that follow it."""
        return [self._of(part) for part in self.message.by_person()]

    def by_merge(self) -> list[FieldReader]:
        """Return a reader for each MRG and the segments that follow it."""
        return [self._of(part) for part in self.message.by_merge()]

    def _of(self, part: Hl7Message) -> FieldReader:
        return FieldReader(part, self.mapping, self.pseudonym_key, self.message_id, self.source)

    def field(self, segment: str, number: int, component: int = 1, nth: int = 0) -> str | None:
        """Return a field's text, or None where it is empty."""
        where = f"{segment}-{number}" + (f".{component}" if component > 1 else "")
        return checked_text(where, self.message.get(segment, number, component, nth=nth))

    def time(self, segment: str, number: int) -> datetime | None:
        """Return a field as a time in UTC, or None where it is empty."""
        found = self.moment(segment, number)
        return None if found is None else found.at

    def moment(self, segment: str, number: int) -> Moment | None:
        """Return a field as a time with its precision, or None where it is empty."""
        return read_moment(self.message.get(segment, number), f"{segment}-{number}", self.mapping.zone)

    @cached_property
    def recorded_at(self) -> datetime:
        """When the sender recorded the event: EVN-2, but not after the message was sent (MSH-7), as clocks differ."""
        known = [found for found in (self.moment("EVN", 2), self._sent_at()) if found is not None]
        if not known:
            found = self.time("EVN", 6)
            if found is None:
                raise InvalidInput("EVN-2, MSH-7 and EVN-6", "all empty. Fill one of them with the time of the event.")
            return found
        first = min(known)
        return next((other.at for other in known if first.may_be(other.at) and other.has_hour), first.at)

    def _sent_at(self) -> Moment | None:
        """Return MSH-7. It is only an upper bound of EVN-2, so where EVN-2 is filled an invalid MSH-7 is ignored."""
        try:
            return self.moment("MSH", 7)
        except InvalidInput:
            if self.message.get("EVN", 2):
                return None
            raise

    def occurred_at(self, segment: str = "", number: int = 0) -> datetime:
        """Return when the event happened: EVN-6, else the given field, else when it was recorded.

        A time after the record has not happened yet, and a day without an hour is less precise than a record of that
        day: neither counts.
        """
        recorded_at = self.recorded_at
        written = self.moment("EVN", 6)
        if written is not None and written.at <= recorded_at and not written.may_be(recorded_at):
            return written.at
        return (self.past_time(segment, number) if segment else None) or recorded_at

    def past_time(self, segment: str, number: int) -> datetime | None:
        """Return a field's time where it has an hour and is not after the record, else None.

        PV1-44 and PV1-45 may hold an expected time.
        """
        written = self.moment(segment, number)
        is_past = written is not None and written.has_hour and written.at <= self.recorded_at
        return written.at if written is not None and is_past else None


def field_reader(message: Hl7Message, mapping: Hl7Mapping, pseudonym_key: bytes, raw: bytes) -> FieldReader:
    """Return the reader of a whole message; without MSH-10 a digest of its bytes is its id."""
    message_id = checked_text("MSH-10", message.get("MSH", 10)) or hashlib.blake2b(raw, digest_size=16).hexdigest()
    sender = f"hl7:{message.get('MSH', 3)}/{message.get('MSH', 4)}"
    source = mapping.source or checked_text("MSH-3 and MSH-4", sender) or sender
    return FieldReader(message, mapping, pseudonym_key, message_id, source)


def checked_text(where: str, value: str) -> str | None:
    """Return a text that fits into a fact and into SQL, or None where it is empty.

    Raises
    ------
    InvalidInput
        When it is too long or holds U+0000.
    """
    if not value:
        return None
    if len(value) > MAX_NAME:
        raise InvalidInput(where, f"longer than {MAX_NAME} characters. Shorten it at the sender.")
    if "\x00" in value:
        raise InvalidInput(where, "contains the character U+0000. Remove it at the sender.")
    return value
