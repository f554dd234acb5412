"""Monthly partitions of the fact log on PostgreSQL: their names, their bounds, and the SQL that makes one.

Each partition has its own primary key, so that an exact duplicate is rejected within a month; the log as a whole has no
key, because PostgreSQL would require `received_at` in it, and two deliveries of one fact differ in that.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from schemas.errors import UsageError

KEY = "subject, source, event_id, digest"
KEPT = "fact_kept"
"""The partition of what an archive left in the log: everything received before the oldest month."""


class Month(NamedTuple):
    """A calendar month in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, at: datetime) -> Month:
        """Return the month of an aware time."""
        utc = at.astimezone(UTC)
        return cls(utc.year, utc.month)

    @classmethod
    def parse(cls, text: str) -> Month:
        """Parse a month of the command line, such as 2026-03.

        Raises
        ------
        UsageError
            When the text is not a month.
        """
        try:
            return cls.of(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC))
        except ValueError:
            raise UsageError(f"{text!r}: not a month. Write it as 2026-03.") from None

    @property
    def next(self) -> Month:
        """The month after this one.

        Examples
        --------
        >>> Month(2026, 12).next
        Month(year=2027, month=1)
        """
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def number(self) -> int:
        """Months since the year 0; neighbours differ by one."""
        return 12 * self.year + self.month - 1

    @property
    def begin(self) -> datetime:
        """The first instant."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def table(self) -> str:
        """The name of its partition."""
        return f"fact_{self.year:04}_{self.month:02}"

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def new_table(name: str) -> str:
    """Return the SQL that makes a table like the log, with the key of a partition."""
    return f"CREATE TABLE {name} (LIKE fact INCLUDING DEFAULTS, CONSTRAINT pk_{name} PRIMARY KEY ({KEY}))"


def attach(name: str, begin: datetime | None, end: datetime) -> str:
    """Return the SQL that makes a table the partition of facts received from `begin` (None: ever) to before `end`.

    Unlike CREATE TABLE ... PARTITION OF, this does not wait for, nor block, those who write to other partitions.
    """
    since = "MINVALUE" if begin is None else f"'{begin.isoformat()}'"
    return f"ALTER TABLE fact ATTACH PARTITION {name} FOR VALUES FROM ({since}) TO ('{end.isoformat()}')"


def month_sql(month: Month) -> list[str]:
    """Return the SQL that makes the partition of a month."""
    return [new_table(month.table), attach(month.table, month.begin, month.next.begin)]
