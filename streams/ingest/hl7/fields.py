"""The fields of one ADT message by the feed's mapping: texts, times, and who sent it.

What a message says depends on its bytes and the mapping alone, never on when it arrived: the same message gives the
same facts.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta, tzinfo
from functools import cached_property

from schemas.errors import InvalidInput
from schemas.names import composed
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.ingest.hl7.message import Hl7Message
from streams.ingest.hl7.times import Moment, Zones, local_time, offset_of, read_moment

MAX_NAME = 200
"""Characters of a text in a fact."""

_A_MINUTE, _A_DAY = timedelta(minutes=1), timedelta(days=1)

_NUMBERED = re.compile(r"[^0-9]*0*([0-9]{1,18})")
"""A control id that is a number, perhaps behind a text: an id with digits in its midst is not counted upwards."""


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
        self._unreadable: dict[str, None] = {}

    def by_person(self) -> list[FieldReader]:
        """Return a reader for each PID and the segments that follow it."""
        return [self._of(part) for part in self.message.by_person()]

    def by_merge(self) -> list[FieldReader]:
        """Return a reader for each MRG and the segments that follow it."""
        return [self._of(part) for part in self.message.by_merge()]

    def by_order(self) -> list[FieldReader]:
        """Return a reader for each OBR and the segments that follow it."""
        return [self._of(part) for part in self.message.by_order()]

    def alone(self) -> FieldReader:
        """Return a reader of the same fields that has found nothing unreadable yet."""
        return self._of(self.message)

    def note_unreadable(self, where: str) -> None:
        """Note a field that is filled and not valid."""
        self._unreadable[where] = None

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

    def moment(self, segment: str, number: int, nth: int = 0) -> Moment | None:
        """Return a field as a time with its precision, or None where it is empty or not valid (see `unreadable`)."""
        where = f"{segment}-{number}"
        try:
            return read_moment(self.message.get(segment, number, nth=nth), where, self.zones)
        except InvalidInput:
            self._unreadable[where] = None
            return None

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Fields read so far that are filled and not valid: they count as not said, and are named in the fact."""
        return tuple(sorted(self._unreadable))

    @cached_property
    def zone(self) -> tzinfo | None:
        """Zone of times without an offset, by the mapping; None where it sets none."""
        return self.mapping.zone_at(self._facilities())

    @cached_property
    def zones(self) -> Zones:
        """How times without an offset are read in this message."""
        sent = self.message.get("MSH", 7)
        offset = offset_of(sent)
        return Zones(self.zone, offset if offset is not None and abs(offset) < _A_DAY else None, local_time(sent))

    def _facilities(self) -> list[str]:
        """Return the facilities that the message names, the one of the location first."""
        places = (("PV1", 3), ("PV1", 6), ("NPU", 1))
        named = (self.message.get(segment, number, 4, part) for segment, number in places for part in (1, 2))
        return [
            *(composed(name) or "" for name in named),
            self.mapping.default_facility or "",
            self.message.get("MSH", 4),
        ]

    @cached_property
    def recorded_at(self) -> datetime:
        """When the sender recorded the event: EVN-2, but not after the message was sent (MSH-7), as clocks differ."""
        known = [found for found in (self.moment("EVN", 2), self.moment("MSH", 7)) if found is not None]
        if not known:
            found = self.time("EVN", 6)
            if found is None:
                wrong = "empty or not valid" if self.unreadable else "empty"
                raise InvalidInput(
                    "EVN-2, MSH-7 and EVN-6", f"all {wrong}. Fill one of them with the time of the event."
                )
            return found
        first = min(known)
        if not first.has_hour:
            return next((other.at for other in known if first.may_be(other.at) and other.has_hour), first.at)
        return first.at

    @cached_property
    def sequence(self) -> str | None:
        """Order of the message among those that the sender recorded at the same time; None where it gives none.

        MSH-13 counts, else the number in MSH-10; where EVN-2 has no seconds, first the time of sending (MSH-7).
        """
        given = self.message.get("MSH", 13)
        number = _NUMBERED.fullmatch(given) or _NUMBERED.fullmatch(self.message.get("MSH", 10))
        recorded, sent = self.moment("EVN", 2), self.moment("MSH", 7)
        if recorded is not None and sent is not None and sent.precision < recorded.precision:
            micros = int(sent.at.timestamp() * 1_000_000)
            return f"{max(micros, 0)}{int(number[1]) if number else 0:020d}"
        return number[1] if number else None

    def occurred_at(self, segment: str = "", number: int = 0) -> datetime:
        """Return when the event happened: ZBE-2, else EVN-6, else the given field, else when it was recorded.

        A time after the record has not happened yet, and a day or a minute is less precise than a record within it:
        neither counts.
        """
        recorded_at = self.recorded_at
        for written in (self.moment("ZBE", 2), self.moment("EVN", 6)):
            if written is not None and written.at <= recorded_at and not written.may_be(recorded_at):
                return written.at
        return (self.past_time(segment, number) if segment else None) or recorded_at

    def past_time(self, segment: str, number: int) -> datetime | None:
        """Return a field's time where it has an hour and is not after the record, else None.

        PV1-44 and PV1-45 may hold an expected time. A PV1-45 at midnight of the day of the record is a day without an
        hour: senders fill up the digits.
        """
        written = self.moment(segment, number)
        if written is None or not written.has_hour or written.at > self.recorded_at:
            return None
        is_day = (segment, number) == ("PV1", 45) and self._is_filled_up(segment, number)
        return None if is_day else written.at

    def _is_filled_up(self, segment: str, number: int) -> bool:
        """Return whether a time is midnight of the day on which the message was recorded."""
        written = local_time(self.message.get(segment, number))
        recorded = local_time(self.message.get("EVN", 2)) or local_time(self.message.get("MSH", 7))
        if written is None or recorded is None or (written.hour, written.minute, written.second) != (0, 0, 0):
            return False
        return written.date() == recorded.date() and recorded - written >= _A_MINUTE


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
