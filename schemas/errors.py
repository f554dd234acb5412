"""The tree of errors: every exception that the project defines, with its exit code and its HTTP status.

    WardwatchError               1, 500
    ├── UsageError               2, 400  wrong argument, file or setting: the caller can correct it
    │   ├── SettingsError        2, 400  a setting is missing or wrong
    │   ├── HospitalFileError    2, 400  the hospital file is not valid
    │   └── SourceError          2, 400  a recording cannot be read
    ├── FactRejected             1, 422  a record is not a valid fact; it goes to the dead letters with this reason
    │   └── InvalidInput         1, 422  an HL7 message or a FHIR resource is not valid; names the place in it
    │       └── NotHl7           1, 422  the bytes are not an HL7 v2 message: no MSH segment begins them
    ├── RequestRefused           1, its own  an HTTP request is refused before it is read
    ├── RecordsTooLarge          1, 413  some records are too large for Kafka; all others were written
    ├── BrokerUnavailable        1, 503  no Kafka broker answers
    ├── WriteConflict            1, 503  another worker changed a row between read and write: retry the transaction
    ├── AlertConflict            1, 409  the alert is not the version that the user saw
    ├── FindingConflict          1, 409  the finding is not the version that the user saw
    ├── RecordsLost              1, 500  the broker dropped records before they were read
    └── TooManyRejected          1, 500  most records were rejected: stop instead of draining the topic

Messages name the record and the remedy, and never a person.
"""

from __future__ import annotations

from typing import ClassVar


class WardwatchError(Exception):
    """Base of all errors that Wardwatch raises."""

    exit_code: ClassVar[int] = 1
    """Of a command that ends with this error."""
    http_status: int = 500
    """Of an answer that reports this error."""


class UsageError(WardwatchError):
    """The caller can correct it; the command line prints one line."""

    exit_code = 2
    http_status = 400


class SettingsError(UsageError):
    """A setting is missing or wrong."""


class HospitalFileError(UsageError):
    """The hospital file is not valid."""


class SourceError(UsageError):
    """A recording cannot be read."""


class FactRejected(WardwatchError):
    """A record is not a valid fact; it goes to the dead letters with this reason."""

    http_status = 422


class InvalidInput(FactRejected):
    """An HL7 message or a FHIR resource is not valid.

    Parameters
    ----------
    where : str
        The field or element, in the standard's own notation (`PV1-3.1`, `Encounter.status`); empty where the input
        as a whole is meant.
    reason : str
        What is wrong with it, and what to do; never the value, which may be a name.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}" if where else reason)
        self.where, self.reason = where, reason


class NotHl7(InvalidInput):
    """The bytes are not an HL7 v2 message: no MSH segment begins them."""


class RequestRefused(WardwatchError):
    """An HTTP request is refused before it is read.

    Parameters
    ----------
    status : int
        The HTTP status of the answer.
    reason : str
        For the sender.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.http_status = status


class RecordsTooLarge(WardwatchError):
    """Some records are too large for Kafka; all others were written.

    Attributes
    ----------
    positions : tuple of int
        Of the records that are too large among those given, from 0.
    """

    http_status = 413

    def __init__(self, message: str, positions: tuple[int, ...]) -> None:
        super().__init__(message)
        self.positions = positions


class BrokerUnavailable(WardwatchError):
    """No Kafka broker answers at the address in the settings."""

    http_status = 503


class WriteConflict(WardwatchError):
    """Another worker changed a row between read and write; retry the transaction."""

    http_status = 503


class AlertConflict(WardwatchError):
    """The alert is not the version that the user saw."""

    http_status = 409


class FindingConflict(WardwatchError):
    """The finding is not the version that the user saw."""

    http_status = 409


class RecordsLost(WardwatchError):
    """The broker dropped records before they were read."""


class TooManyRejected(WardwatchError):
    """Most records were rejected: the feed has changed, or the topic is wrong."""
