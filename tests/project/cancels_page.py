"""docs/reference/cancels.md, from the cases that the tests run."""

from __future__ import annotations

from textwrap import fill

from tests.streams.fold.cancel_cases import GROUPS, TRIGGERS, Case, Group, read

HEAD = """# Cancels and corrections

What Wardwatch makes of cancels (A11 to A13 and others), repeated locations and corrected times. Each table below lists
cases that the tests run (`tests/streams/fold/cancel_cases.py`), so this page is what the code does.

How to read a table:

* *What was sent* lists the facts about one encounter (in the last table, about one patient) in the order of recording:
  the time when it was recorded (EVN-2), the trigger with the name of the fact, and the location (PV1-3) as unit/bed.
  "Happened" is EVN-6, where that is another time. Messages may arrive in any order and more than once: the result is
  the same.
* *What counts* is the state of the encounter afterwards: its status, the time of the admission, and the patient's
  locations. A *problem* means that some facts do not fit. They are kept, and the data-quality page lists the encounter.

Why it works like this: [decision 12](../decisions/0012-cancels-and-corrections-by-order-of-recording.md).
All facts: [facts.md](facts.md).
Which HL7 message becomes which fact: [HL7 v2](hl7/index.md).
"""

FIELDS = {
    "at": "happened {}",
    "id": "id `{}`",
    "cancels": "cancels id `{}`",
    "admitted": "PV1-44 {}",
    "discharged": "PV1-45 {}",
    "disposition": "PV1-36 {}",
    "class": "PV1-2 {}",
    "temporary": "PV1-11 {}",
    "expected": "expected {}",
    "patient": "patient {}",
    "into": "into {}",
    "apart_from": "from {}",
}
"""How a field of a case is shown."""


def cancels_page() -> str:
    """Return the page."""
    return HEAD + "".join(map(_section, GROUPS))


def _section(group: Group) -> str:
    rows = ["| case | what was sent | what counts |", "|---|---|---|", *map(_row, group.cases)]
    return f"\n## {group.title}\n\n{fill(group.explanation, 120)}\n\n" + "\n".join(rows) + "\n"


def _row(case: Case) -> str:
    return f"| {case.title[0].upper()}{case.title[1:]} | {'<br>'.join(map(_sent, case.sent))} | {_counts(case)} |"


def _sent(text: str) -> str:
    sent = read(text)
    details = [sent.location] if sent.location else []
    details += [FIELDS[name].format(value) for name, value in sent.fields.items()]
    return f"{sent.recorded} {sent.trigger} `{TRIGGERS[sent.trigger].__name__}` {', '.join(details)}".rstrip()


def _counts(case: Case) -> str:
    parts = case.counts.split("; ")
    return "<br>".join(f"problem `{part[8:]}`" if part.startswith("problem ") else part for part in parts)
