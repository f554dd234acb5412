"""One discharge code means the same to labels, scores, alerts, features and the simulator."""

from __future__ import annotations

import msgspec
import pytest

from models.features.catalogue import BY_NAME, in_words
from models.labels.index_stays import index_exclusion
from schemas import dispositions
from simulators.population import DISPOSITION_LOG_ODDS
from streams.alerts.rules import can_be_followed_up
from streams.risk.moments import due_moments
from tests.models.builders import stay

ALL_CODES = [f"{number:02d}" for number in range(100)]
EXCLUDED = {
    "02": "transferred_to_acute",
    "05": "transferred_to_acute",
    "07": "against_advice",
    "20": "died",
    "40": "died",
    "41": "died",
    "42": "died",
    "43": "transferred_to_acute",
    "66": "transferred_to_acute",
    "82": "transferred_to_acute",
    "85": "transferred_to_acute",
    "88": "transferred_to_acute",
    "94": "transferred_to_acute",
}
NOT_SCORED_AT_DISCHARGE = {"20", "40", "41", "42"}
NO_ALERT = {"02", "07", "20", "40", "41", "42", "50", "51"}


@pytest.mark.parametrize("code", ALL_CODES)
def test_each_discharge_code_has_one_meaning_for_labels_scores_and_alerts(code: str) -> None:
    encounter = msgspec.structs.replace(stay("E1", 0, 4), discharge_disposition=code)
    exclusion = index_exclusion(encounter)
    assert (None if exclusion is None else exclusion.value) == EXCLUDED.get(code)
    assert (len(due_moments(encounter)) == 1) == (code in NOT_SCORED_AT_DISCHARGE)
    assert can_be_followed_up(encounter) == (code not in NO_ALERT)


@pytest.mark.parametrize(("reported", "code"), [("2", "02"), (" 07 ", "07"), ("7", "07")])
def test_a_code_written_in_another_way_means_the_same(reported: str, code: str) -> None:
    encounter = msgspec.structs.replace(stay("E1", 0, 4), discharge_disposition=reported)
    exclusion = index_exclusion(encounter)
    assert exclusion is not None
    assert exclusion.value == EXCLUDED[code]
    assert not can_be_followed_up(encounter)


def test_a_code_is_shown_in_words_and_without_words_as_the_code() -> None:
    feature = BY_NAME["discharge_disposition"]
    assert in_words(feature, "03") == "skilled nursing facility"
    assert in_words(feature, "07") == "left against advice"
    assert in_words(feature, "51") == "hospice facility"
    assert in_words(feature, "82") == "82"


def test_all_codes_are_those_of_ub04() -> None:
    groups = dispositions.DIED | dispositions.HOSPICE | dispositions.AGAINST_ADVICE | dispositions.ACUTE_TRANSFER
    used = groups | set(dispositions.WORDS) | set(DISPOSITION_LOG_ODDS)
    ub04 = {*ALL_CODES[1:10], "20", "21", "30", "40", "41", "42", "43", "50", "51", *ALL_CODES[61:67], "69", "70"}
    assert used - ub04 <= set(ALL_CODES[81:96])
