"""docs/reference/bedside-scores.md, from the weights in the code and the patients that the tests run."""

from __future__ import annotations

from textwrap import fill

from models.bedside import charlson, elixhauser, lace
from models.bedside.catalogue import SCORES, band, total_in_words
from models.bedside.charlson import WEIGHTS_1987, WEIGHTS_2011
from tests.models.bedside.score_cases import GROUPS, Case, Group, score_of

HEAD = """# Bedside scores

Wardwatch computes these scores at each scoring moment, stores their items beside the risk of the models
(`score.bedside`), and shows them in the side panel of the worklist. They are published scores, for other populations
and outcomes than the models': context, not a second opinion on one scale.

* **As of the moment.** Nothing that was reported later counts. Before the discharge the days in the hospital and the
  codes are those so far: these items are "at least", and so is the total. Haemoglobin and sodium are the last so far.
* **Missing is missing.** An item that nothing was reported about is shown as not known, and the total as a range. It
  never counts as 0.
* **Look-backs.** The 12 months of admissions and conditions and the six months of ED visits count as known if the feed
  was observed for all of that time. What is found in a shorter time is "at least"; none found is not known. The feed is
  observed from the hour in which the first thousandth of its facts, and at least three, had been recorded: a few facts
  with a wrong clock do not move it.
* **Emergency.** PV1-4 emergency, urgent or trauma, for LACE and HOSPITAL alike.
* **Length of stay** in completed days of 24 hours from the start of the encounter.
* **Oncology** is a service (PV1-10) whose name has a word that begins with *onc*, *hemonc*, *haemonc* or *cancer*, or
  ends with *oncology*.
* **Procedure.** A feed does not report that there was none, so a stay without one reported is not known.
* **Comorbidities.** Charlson's from all ICD-10 codes of the stay and of the 12 months before; Elixhauser's from the
  codes of the stay but the principal one. Before any ICD-10 code they are not known.

How to read the tables of patients: what is known of a patient is written as `stay=4.5 emergent=yes codes=I50.9`; what
is absent is not known; a `+` means "at least". The tests run these patients (`tests/models/bedside/score_cases.py`),
whose points were worked out by hand.
"""


def bedside_page() -> str:
    """Return the page."""
    return HEAD + _charlson_weights() + _elixhauser_weights() + "".join(map(_section, GROUPS))


def _charlson_weights() -> str:
    rows = [
        f"| {charlson.LABELS[group]} | {lace.WEIGHTS[group]} | {WEIGHTS_1987[group]} | {WEIGHTS_2011[group]} |"
        for group in charlson.GROUPS
    ]
    head = ["| condition | LACE | Charlson 1987 | Quan 2011 |", "|---|---|---|---|"]
    note = "LACE's weights follow PMC5726103; those of 1987 are an option of `lace`. Groups by ICD-10 code: Quan 2005."
    return f"\n## Weights of the Charlson conditions\n\n{note}\n\n" + "\n".join([*head, *rows]) + "\n"


def _elixhauser_weights() -> str:
    rows = [
        f"| {label} (`{key}`) | {elixhauser.READMISSION_WEIGHTS[key]} | {elixhauser.MORTALITY_WEIGHTS[key]} |"
        for key, label in elixhauser.LABELS.items()
    ]
    head = ["| comorbidity | readmission | mortality |", "|---|---|---|"]
    return "\n## Weights of the Elixhauser comorbidities\n\n" + "\n".join([*head, *rows]) + "\n"


def _section(group: Group) -> str:
    kind = SCORES[group.score]
    text = fill(f"{group.explanation} At most {kind.most}. It was made for: {kind.outcome}.", 120)
    rows = ["| patient | known | points | total |", "|---|---|---|---|", *(_row(group, case) for case in group.cases)]
    return f"\n## {group.title}\n\n{text}\n\n" + "\n".join(rows) + "\n"


def _row(group: Group, case: Case) -> str:
    score = score_of(group.score, case.known)
    found = band(score)
    total = f"{total_in_words(score)}{f', {found}' if found else ''}"
    items = case.points.partition("=")[0].strip()
    return f"| {case.title} | {f'`{case.known}`' if case.known else 'nothing'} | {items or 'none'} | {total} |"
