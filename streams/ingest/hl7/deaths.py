"""Death of the patient, from PID-29 (time) and PID-30 (whether), and what it says about the stay."""

from __future__ import annotations

import re
from datetime import datetime

from schemas.dispositions import DIED, EXPIRED, WORDS, disposition_code
from streams.ingest.hl7.clinical import disposition
from streams.ingest.hl7.fields import FieldReader
from streams.ingest.hl7.times import Moment

_YEAR_OR_MONTH = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])?")


def died_at(reader: FieldReader, at: datetime) -> datetime | None:
    """Return when the patient died, None where the message reports no death.

    Parameters
    ----------
    reader : FieldReader
        Of the message.
    at : datetime
        When the event of the message happened. It counts where PID-29 has no time that can be read, or a time after the
        message was recorded: the patient had died by then.
    """
    time = _time(reader)
    if time is not None:
        return time.at
    return at if _is_stated(reader) else None


def is_alive(reader: FieldReader) -> bool:
    """Return whether PID-30 is N and nothing reports a death."""
    return _indicator(reader) == "N" and not _is_stated(reader)


def disposition_at_discharge(reader: FieldReader, at: datetime) -> str | None:
    """Return the UB-04 patient status of a discharge at a time: died (20) where the patient had died by then.

    PID-30 = Y counts whatever PV1-36 says; only a PID-29 later than the discharge shows that the patient left alive. A
    PID-29 without PID-30 = Y counts too, unless PID-30 is N and PV1-36 says how the patient left.
    """
    stated = disposition(reader)
    code = disposition_code(stated)
    if code in DIED or not _is_stated(reader):
        return stated
    if _indicator(reader) == "N" and code in WORDS:
        return stated
    return stated if _later(reader, at) else EXPIRED


def disposition_in_update(reader: FieldReader, left_at: datetime | None) -> str | None:
    """Return the UB-04 patient status in an update: died (20) only where PID-29 is not after PV1-45.

    An update may come weeks after the discharge. Without both times it does not show where the patient died.
    """
    stated, time = disposition(reader), _time(reader)
    if left_at is None or time is None or _later(reader, left_at) or disposition_code(stated) in DIED:
        return stated
    return stated if _indicator(reader) == "N" and disposition_code(stated) in WORDS else EXPIRED


def _later(reader: FieldReader, at: datetime) -> bool:
    time = _time(reader)
    return time is not None and time.at > at


def _indicator(reader: FieldReader) -> str:
    return reader.message.get("PID", 30).upper()[:1]


def _is_stated(reader: FieldReader) -> bool:
    """Return whether the message reports a death: PID-30 is Y, or PID-29 is a time, a month or a year."""
    if _indicator(reader) == "Y" or reader.moment("PID", 29) is not None:
        return True
    return _YEAR_OR_MONTH.fullmatch(reader.message.get("PID", 29)) is not None


def _time(reader: FieldReader) -> Moment | None:
    """Return PID-29, or None where it cannot be read or is after the record."""
    time = reader.moment("PID", 29)
    return None if time is None or time.at > reader.recorded_at else time
