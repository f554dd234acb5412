"""The transport depends on private names of Faust; these tests fail when a newer Faust changes them."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers import aiokafka
from faust.types import TP

from streams.adt.records import fetch_of
from streams.worker.batch_transport import PRIVATE_NAMES, BatchConsumer, Transport

OVERRIDES = (
    "_getmany",
    "_to_message",
    "_new_offset",
    "_add_gap",
    "_commit",
    "on_buffer_full",
    "perform_seek",
    "highwater",
)


def test_faust_has_the_version_that_was_verified() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("mode-streaming") == "0.7.1"
    assert version("aiokafka") == "0.14.0"


def test_the_private_names_that_the_transport_uses_exist() -> None:
    source = inspect.getsource(inspect.getmodule(aiokafka.Consumer.__mro__[2]) or aiokafka)
    source += inspect.getsource(aiokafka)
    missing = [name for name in PRIVATE_NAMES if f"{name}" not in source]
    assert missing == []


def test_the_overrides_have_the_parameters_of_faust() -> None:
    for name in OVERRIDES:
        ours = inspect.signature(getattr(BatchConsumer, name)).parameters
        theirs = inspect.signature(getattr(aiokafka.Consumer, name)).parameters
        assert len(ours) == len(theirs), name


def test_the_transport_uses_the_batch_consumer() -> None:
    assert Transport.Consumer is BatchConsumer


REVOKED = TP("adt.events.v1", 3)


class _Revoked:
    """The driver's thread after a rebalance that assigned the partition to another worker."""

    def highwater(self, _tp: TP) -> int:
        raise AssertionError("Partition is not assigned")

    def assignment(self) -> set[TP]:
        return set()


@pytest.mark.parametrize("assigned", [False, True])
def test_an_event_of_a_revoked_partition_does_not_end_the_worker(assigned: bool) -> None:
    consumer: Any = object.__new__(BatchConsumer)
    consumer._thread = SimpleNamespace(highwater=lambda _: 8, assignment=lambda: {REVOKED}) if assigned else _Revoked()
    record = SimpleNamespace(
        topic="adt.events.v1", partition=3, offset=7, key=None, value=b"", headers=(), timestamp=None
    )
    event = SimpleNamespace(message=SimpleNamespace(tp=REVOKED, offset=7), value=[record])
    assert fetch_of(consumer, event).caught_up is assigned
