"""Write docs/reference from the code: `python -m tests.project.regenerate` (`make docs`)."""

from __future__ import annotations

import json
from pathlib import Path

from schemas.database_errors import errors_table
from schemas.events import json_schema
from schemas.settings import settings_table
from streams.fold.fact_kinds import facts_table
from streams.worker.metrics import metrics_table
from tests.project.bedside_page import bedside_page
from tests.project.cancels_page import cancels_page
from tests.project.command_line_page import command_line_page
from tests.project.hospital_table import hospital_page
from tests.project.readmissions_page import readmissions_page
from tests.project.tables_page import tables_page

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


FACTS = """# Facts

Each kind of fact about an encounter or a patient, and the order in which facts apply: by the time when they happened
(`time`), then by this table, then by the time when they were recorded (`recordedtime`), then by source and id. One
exception: of a discharge and an admission at one instant, the discharge comes first where the admission was recorded
later and the patient was here before.

A cancel finds its fact, and a repeated location is recognised, by the order of recording:
[decision 12](../decisions/0012-cancels-and-corrections-by-order-of-recording.md). The shape of each fact is in
[facts.schema.json](facts.schema.json). Of the statuses reported for a bed (A20) the latest counts, by the same order.

"""

DATABASE_ERRORS = """# Database errors

A command ends with exit code 1 and one line: the database without its password, what is wrong, the driver's own words,
and what to do. A worker logs the same line and retries while the database is unavailable, locked or full. Known by:
the result code of SQLite or the SQLSTATE of PostgreSQL. Where PostgreSQL cannot be reached there is no code, and the
driver's text decides.

"""


def pages() -> dict[str, str]:
    """Return the content of each generated file of docs/reference."""
    return {
        "command-line.md": command_line_page(),
        "hospital-file.md": hospital_page(),
        "settings.md": "# Settings\n\nAll from the environment.\n\n" + settings_table(),
        "metrics.md": "# Metrics\n\nOf a worker, at /metrics in the format of Prometheus.\n\n" + metrics_table(),
        "database-errors.md": DATABASE_ERRORS + errors_table(),
        "facts.md": FACTS + facts_table(),
        "cancels.md": cancels_page(),
        "readmissions.md": readmissions_page(),
        "bedside-scores.md": bedside_page(),
        "tables.md": tables_page(),
        "facts.schema.json": json.dumps(json_schema(), indent=2, sort_keys=True) + "\n",
    }


def main() -> None:
    """Write every page."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
