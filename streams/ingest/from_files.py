"""HL7 v2 and FHIR files to records for Kafka: facts, and dead letters with their reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from schemas.events import AnyFact
from schemas.outgoing import Outgoing, rejected
from schemas.settings import Settings
from streams.ingest.fhir.bundle import FhirReading
from streams.ingest.fhir.files import fhir_files
from streams.ingest.files import shown
from streams.ingest.formats import Feeds, Format, load_feeds, read_by_parts
from streams.ingest.hl7.files import hl7_files
from streams.ingest.hl7.message_reader import Hl7Reading
from streams.ingest.reading import InputProblem, Reading


class FromFile(NamedTuple):
    """A message or resource of a file, and its reading."""

    file: Path
    number: int
    """Of the message in the file, from 0."""
    raw: bytes
    reading: Reading

    @property
    def trigger(self) -> str | None:
        """MSH-9.2 of an HL7 v2 message."""
        return self.reading.trigger if isinstance(self.reading, Hl7Reading) else None

    @property
    def warnings(self) -> Sequence[InputProblem]:
        """Invalid times that matter little: the facts were read without them."""
        return self.reading.warnings if isinstance(self.reading, FhirReading) else ()

    def as_json(self) -> dict[str, Any]:
        """Return the line that `--dry-run --json` prints."""
        reading = self.reading
        return {
            "file": shown(self.file),
            "index": self.number,
            "control_id": reading.control_id if isinstance(reading, Hl7Reading) else None,
            "trigger": self.trigger,
            "facts": [msgspec.to_builtins(fact) for fact in reading.facts],
            "dead_letter": reading.rejected,
            **({"warnings": warnings} if (warnings := [str(each) for each in self.warnings]) else {}),
        }

    def records(self) -> list[AnyFact | Outgoing]:
        """Return what is to be published: the facts, and a dead letter where there are problems."""
        records: list[AnyFact | Outgoing] = [*self.reading.facts]
        reason = self.reading.rejected
        if reason is not None:
            records.append(rejected(self.raw, reason, f"{shown(self.file.name)}/{self.number}"))
        return records


def read_hl7(
    paths: Sequence[Path],
    settings: Settings,
    remark: Callable[[str], None] | None = None,
    *,
    create_key: bool = True,
) -> Iterator[FromFile]:
    """Read every message of HL7 v2 files and folders, without Kafka and SQL.

    A message that turns out to be a FHIR resource or a JSON fact is read as such.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.
    settings : Settings
        For the mappings and the pseudonym key.
    remark : callable, optional
        Called with a remark where files of a folder are skipped, and where files are empty.
    create_key : bool
        Whether the pseudonym key may be created; see `schemas.pseudonyms.load_key`.

    Raises
    ------
    UsageError
        At once when a path, a file to read or a mapping is missing, or all files are empty; at the end when they hold
        no message.
    """
    feeds = load_feeds(settings, create_key=create_key)
    return _read(hl7_files(paths, remark), feeds, Format.HL7)


def read_fhir(
    paths: Sequence[Path],
    settings: Settings,
    remark: Callable[[str], None] | None = None,
    *,
    create_key: bool = True,
) -> Iterator[FromFile]:
    """Read every resource of FHIR files and folders, without Kafka and SQL. Parameters as of `read_hl7`.

    Raises
    ------
    UsageError
        At once when a path, a file to read or a mapping is missing, or all files are empty.
    """
    feeds = load_feeds(settings, create_key=create_key)
    return _read(fhir_files(paths, remark), feeds, Format.FHIR)


def _read(contents: Iterator[tuple[Path, int, bytes]], feeds: Feeds, expected: Format) -> Iterator[FromFile]:
    now = datetime.now(UTC)
    for file, number, raw in contents:
        for part in read_by_parts(raw, feeds, now, unknown_as=expected):
            yield FromFile(file, number, part.raw, part.reading)
