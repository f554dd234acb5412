"""Ideas that once lived in several places and drifted apart: each has one place now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "models", "streams", "simulators", "dashboard", "commands")

ONE_PLACE = {
    "the prefixes of subjects": (r"""["'](?:patient|bed):["']""", {"schemas/events.py"}),
    "the event time of the feed": (
        r"\boverall\(|\bread_watermarks\(",
        {
            "streams/fold/board_clock.py",
            "streams/fold/event_time.py",
            "streams/store/watermarks.py",
            "streams/store/unit_of_work.py",
        },
    ),
    "who merged into whom": (r"merged_into is not None and .*merge_order is not None", {"streams/fold/merges.py"}),
    "the numbers of advisory locks": (r"pg_(?:try_)?advisory", {"streams/store/locks.py"}),
    "differences between the engines": (
        r"dialect\.name\s*[!=]=|has_concurrent_writers\(",
        {
            "schemas/database.py",
            "schemas/migrations/versions/0006_the_log_grows.py",
            "schemas/migrations/versions/0007_board_clock.py",
            "schemas/migrations/versions/0013_bedside_scores.py",
            "schemas/tables.py",
            "streams/app.py",
            "streams/store/bulk.py",
            "streams/store/fact_log.py",
            "streams/operate/archive.py",
            "streams/store/locks.py",
            "streams/store/log_archive.py",
            "streams/store/partitions.py",
            "streams/store/unit_of_work.py",
            "streams/worker/relay.py",
        },
    ),
    "the kinds of data-quality findings": (
        r"""["'](?:bed_claimed_twice|second_bed|stale_stay|stale_plan|part_without_stay|facts_do_not_fit|unknown_facility|unknown_unit|unknown_bed)["']""",
        {"streams/quality/kinds.py"},
    ),
    "the loop of an agent": (r"\bbatched\(", {"streams/worker/batching.py"}),
    "the bodies of facts about a subject": (r"""["']subject, body["']""", {"streams/store/fact_log.py"}),
}


@pytest.mark.parametrize("idea", ONE_PLACE)
def test_an_idea_has_one_place(idea: str) -> None:
    pattern, places = ONE_PLACE[idea]
    found = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if re.search(pattern, path.read_text(encoding="utf-8"))
    }
    assert found <= places
    assert found, "the pattern finds nothing any more: change it with the code"
