"""HL7 v2 and FHIR files to records for Kafka: facts, and dead letters with their reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from schemas.events import AnyFact
from schemas.outgoing import Outgoing, rejected
from schemas.pseudonyms import load_key
from schemas.settings import Settings
from streams.ingest.fhir.bundle import FhirReading, read_parts
from streams.ingest.fhir.files import fhir_files
from streams.ingest.fhir.mapping import load_options
from streams.ingest.files import shown
from streams.ingest.hl7.mapping import load_mapping
from streams.ingest.hl7.splitting import messages_in
from streams.ingest.hl7.triggers import NotHl7, read_message
from streams.ingest.reading import Reading


class FromFile(NamedTuple):
    """A message of a file, and what came of it."""

    file: Path
    number: int
    raw: bytes
    reading: Reading

    def as_json(self) -> dict[str, Any]:
        """Return the line that `--dry-run --json` prints."""
        reading = self.reading
        return {
            "file": shown(self.file),
            "index": self.number,
            "control_id": reading.control_id,
            "trigger": reading.trigger,
            "facts": [msgspec.to_builtins(fact) for fact in reading.facts],
            "dead_letter": reading.rejected,
        }

    def records(self) -> list[AnyFact | Outgoing]:
        """Return what is to be published: the facts, to which faults may be done on purpose, or why there are none."""
        records: list[AnyFact | Outgoing] = [*self.reading.facts]
        if self.reading.rejected is not None:
            records.append(rejected(self.raw, self.reading.rejected, f"{shown(self.file.name)}/{self.number}"))
        return records


def read_hl7(
    paths: Sequence[Path], settings: Settings, tell: Callable[[str], None] | None = None
) -> Iterator[FromFile]:
    """Read every message of files and folders; needs neither Kafka nor SQL.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.
    settings : Settings
        For the mapping and the pseudonym key.
    tell : callable, optional
        Hears a sentence where files of a folder are passed over, and where files are empty.

    Raises
    ------
    UsageError
        When a path, a file to read or the mapping is not there or all files are empty, at once; when they hold no
        message, at the end.
    """
    mapping, key = load_mapping(settings.hl7_mapping_file), load_key(settings)
    messages = messages_in(paths, tell)

    def read() -> Iterator[FromFile]:
        for file, index, raw in messages:
            try:
                reading = read_message(raw, mapping, key)
            except NotHl7 as error:
                reading = Reading(None, None, rejected=str(error))
            yield FromFile(file, index, raw, reading)

    return read()


def read_fhir(
    paths: Sequence[Path], settings: Settings, tell: Callable[[str], None] | None = None
) -> Iterator[FromFile]:
    """Read every FHIR resource of files and folders; needs neither Kafka nor SQL. Parameters as of `read_hl7`.

    Raises
    ------
    UsageError
        When a path, a file to read or the mapping is not there or all files are empty, at once.
    """
    options, key = load_options(settings.fhir_mapping_file), load_key(settings)
    resources = fhir_files(paths, tell)
    now = datetime.now(UTC)
    return (
        FromFile(file, number, part.raw, as_reading(part.reading))
        for file, number, raw in resources
        for part in read_parts(raw, options, key, now)
    )


def as_reading(reading: FhirReading) -> Reading:
    """Return what came of a resource as that of a message: its errors in one reason.

    A Bundle without entries, the answer to a search that found nothing, gives nothing and has no error.
    """
    reasons = [f"{error.path}: {error.error}" if error.path else error.error for error in reading.errors]
    return Reading(None, None, reading.facts, " ".join(reasons) or None)
