from __future__ import annotations

from simulators.flow_control import FlowControl


def test_what_is_sent_counts_until_it_is_committed() -> None:
    flow = FlowControl(limit_bytes=1_000)
    flow.sent(0, 420)  # 500 with the overhead of 80
    assert not flow.is_full(0)
    flow.sent(0, 420)
    assert flow.held_bytes(0) == 1_000
    assert flow.is_full(0)
    flow.taken(0, 0, 420)
    flow.taken(0, 1, 420)
    assert flow.is_full(0)
    assert flow.committed({0: 1})  # record 0 is done, record 1 is not
    assert flow.held_bytes(0) == 500
    assert flow.committed({0: 2})
    assert flow.held_bytes(0) == 0


def test_partitions_are_counted_apart() -> None:
    flow = FlowControl(limit_bytes=400)
    flow.sent(2, 400)
    assert flow.is_full(2)
    assert not flow.is_full(0)


def test_commits_that_stand_still_or_go_back_are_no_progress() -> None:
    flow = FlowControl()
    assert flow.committed({0: 5})
    assert not flow.committed({0: 5})
    assert not flow.committed({0: 3})
    assert not flow.committed({})


def test_a_record_committed_before_its_word_came_back_is_not_held() -> None:
    flow = FlowControl()
    flow.sent(0, 100)
    flow.committed({0: 1})
    flow.taken(0, 0, 100)
    assert flow.held_bytes(0) == 0


def test_records_of_others_count_as_700_bytes_each() -> None:
    flow = FlowControl()
    flow.found(0, end_offset=30, committed=10)
    assert flow.held_bytes(0) == 20 * 700
    flow.sent(0, 100)
    flow.taken(0, 33, 100)  # 30, 31 and 32 came from another producer
    assert flow.held_bytes(0) == 23 * 700 + 180
    flow.committed({0: 30})
    assert flow.held_bytes(0) == 3 * 700 + 180
    flow.committed({0: 34})
    assert flow.held_bytes(0) == 0
