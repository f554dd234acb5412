"""The cases of docs/reference/readmissions.md."""

from __future__ import annotations

import pytest

from models.labels.index_stays import Exclusion
from models.labels.planned import Plan
from models.labels.rules import PRESETS
from tests.models.labels.readmission_cases import CODES, GROUPS, Case, Group, judge

ALL = [pytest.param(group, case, id=case.title) for group in GROUPS for case in group.cases]


@pytest.mark.parametrize(("group", "case"), ALL)
def test_every_stay_has_its_verdict(group: Group, case: Case) -> None:
    assert judge(case, CODES if group.with_codes else None) == case.verdict


@pytest.mark.parametrize(("group", "case"), ALL)
def test_the_verdict_does_not_depend_on_the_order_of_the_stays(group: Group, case: Case) -> None:
    codes = CODES if group.with_codes else None
    assert judge(case, codes, lambda stays: stays[::-1]) == case.verdict
    assert judge(case, codes, lambda stays: [*stays[1:], *stays[:1]]) == case.verdict


def test_titles_are_unique_and_there_are_at_least_60_cases() -> None:
    titles = [(group.title, case.title) for group in GROUPS for case in group.cases]
    assert len(set(titles)) == len(titles) >= 60


def test_each_reason_each_rule_of_plans_and_each_variant_has_a_case() -> None:
    told = " ".join(case.verdict for group in GROUPS for case in group.cases)
    assert [reason.value for reason in Exclusion if f": {reason.value}" not in told] == []
    assert [plan.value for plan in Plan if plan is not Plan.NO_CODE_SETS and f"({plan.value})" not in told] == []
    assert {case.rules.name for group in GROUPS for case in group.cases} == set(PRESETS)
