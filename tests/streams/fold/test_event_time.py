"""Event time per partition and overall."""

from __future__ import annotations

from streams.fold.event_time import PartitionMark, advance, decode_heads, encode_heads, overall
from tests.streams.builders import at


def mark(hours: float, *, caught_up: bool) -> PartitionMark:
    return PartitionMark((at(hours + 2), at(hours + 1), at(hours)), caught_up)


def test_one_wrong_clock_does_not_move_event_time() -> None:
    heads = advance((), [at(1), at(2), at(3), at(90_000)])
    assert PartitionMark(heads, False).reached == at(2)


def test_a_partition_with_too_few_facts_has_no_event_time() -> None:
    assert PartitionMark(advance((), [at(1), at(2)]), False).reached is None


def test_event_time_is_the_earliest_of_the_partitions_with_records_left() -> None:
    assert overall([mark(5, caught_up=False), mark(9, caught_up=False), mark(1, caught_up=True)]) == at(5)


def test_event_time_is_the_latest_when_all_partitions_were_read_to_the_end() -> None:
    assert overall([mark(5, caught_up=True), mark(9, caught_up=True)]) == at(9)


def test_a_partition_that_was_never_read_delays_event_time() -> None:
    assert overall([mark(5, caught_up=True), PartitionMark((), False)]) is None


def test_without_partitions_there_is_no_event_time() -> None:
    assert overall([]) is None


def test_heads_are_the_same_after_encoding_and_decoding() -> None:
    heads = (at(3), at(2), at(1))
    assert decode_heads(encode_heads(heads)) == heads
