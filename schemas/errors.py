"""The tree of errors.

    WardwatchError
    ├── UsageError            the person can mend it: wrong argument, file or setting (exit code 2)
    │   ├── SettingsError     a setting is missing or wrong
    │   ├── HospitalFileError the hospital file does not say what it must
    │   └── SourceError       a recording cannot be read
    ├── BrokerAway            no Kafka broker answers
    ├── FactRejected          a record is no fact; it goes to the dead letters with this reason
    │   └── RecordsRefused    Kafka takes some records never, for their size; it has all the others
    ├── ModelMissing          no trained model is registered
    ├── RecordsLost           the broker dropped records that were not read yet
    └── TooManyRejected       most of what came was rejected: stop instead of draining the topic

Messages name the record and the remedy, and never a person.
"""

from __future__ import annotations


class WardwatchError(Exception):
    """Anything that Wardwatch itself raises."""


class UsageError(WardwatchError):
    """The caller can mend it; the command line prints it as one line and exits with 2."""


class SettingsError(UsageError):
    """A setting is missing or wrong."""


class HospitalFileError(UsageError):
    """The hospital file does not say what it must."""


class SourceError(UsageError):
    """A recording cannot be read."""


class BrokerAway(WardwatchError):
    """No Kafka broker answers at the address of the settings."""


class FactRejected(WardwatchError):
    """A record is no fact; it goes to the dead letters with this reason."""


class RecordsRefused(FactRejected):
    """Kafka takes some of the records never, for their size; it has all the others.

    Attributes
    ----------
    positions : tuple of int
        Of the refused ones among the records given, from 0.
    """

    def __init__(self, message: str, positions: tuple[int, ...]) -> None:
        super().__init__(message)
        self.positions = positions


class ModelMissing(WardwatchError):
    """No trained model is registered; `wardwatch train` makes one."""


class RecordsLost(WardwatchError):
    """The broker dropped records before they were read."""


class TooManyRejected(WardwatchError):
    """Most of what came was rejected: a changed feed or a wrong topic, not a few bad records."""
