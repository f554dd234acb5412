"""HL7 v2 files to records for Kafka: facts, or dead letters with their reason. `replay` and `ingest` both read here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from schemas.outgoing import Outgoing, outgoing, rejected
from schemas.pseudonyms import load_key
from schemas.settings import Settings
from streams.ingest.hl7_files import messages_in
from streams.ingest.hl7_mapping import load_mapping
from streams.ingest.hl7v2 import NotHl7, Reading, read_message


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
            "file": str(self.file),
            "index": self.number,
            "control_id": reading.control_id,
            "trigger": reading.trigger,
            "facts": [msgspec.to_builtins(fact) for fact in reading.facts],
            "dead_letter": reading.rejected,
        }

    def records(self) -> list[Outgoing]:
        """Return what goes to Kafka."""
        if self.reading.rejected is not None:
            return [rejected(self.raw, self.reading.rejected, f"{self.file.name}/{self.number}")]
        return [outgoing(fact) for fact in self.reading.facts]


def read_hl7(paths: Sequence[Path], settings: Settings) -> Iterator[FromFile]:
    """Read every message of files and folders; needs neither Kafka nor SQL.

    Raises
    ------
    UsageError
        When a path or the mapping is not there, at once.
    """
    mapping, key = load_mapping(settings.hl7_mapping_file), load_key(settings)
    messages = messages_in(paths)

    def read() -> Iterator[FromFile]:
        for file, index, raw in messages:
            try:
                reading = read_message(raw, mapping, key)
            except NotHl7 as error:
                reading = Reading(None, None, rejected=str(error))
            yield FromFile(file, index, raw, reading)

    return read()
