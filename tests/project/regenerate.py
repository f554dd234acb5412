"""Writes docs/reference anew from the code: `python -m tests.project.regenerate` (`make docs`)."""

from __future__ import annotations

import json
from pathlib import Path

from schemas.events import json_schema
from schemas.settings import settings_table
from streams.telemetry import metrics_table

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def pages() -> dict[str, str]:
    """Return each file of docs/reference with what it should hold."""
    return {
        "settings.md": "# Settings\n\nAll from the environment.\n\n" + settings_table(),
        "metrics.md": "# Metrics\n\nOf a worker, at /metrics in the format of Prometheus.\n\n" + metrics_table(),
        "facts.schema.json": json.dumps(json_schema(), indent=2, sort_keys=True) + "\n",
    }


def main() -> None:
    """Write them."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
