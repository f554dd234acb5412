from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownProducerIdError,
)

from schemas.errors import UsageError, WardwatchError
from schemas.settings import load_settings
from simulators import delivery
from simulators.delivery import Delivery


class FakeFuture:
    def __init__(self, exception: Exception | None = None, *, is_done: bool = True) -> None:
        self.exception, self.is_done = exception, is_done

    def failed(self) -> bool:
        return self.is_done and self.exception is not None


class FakeProducer:
    """A producer with given answers: one for each record, then success."""

    def __init__(self, *answers: FakeFuture | KafkaError) -> None:
        self._answers = iter(answers)
        self.taken: list[bytes] = []
        self.closed = False
        self._sender = self

    def partitions_for(self, *_topic: str) -> set[int]:
        return {0, 1, 2, 3}

    def send(self, *_topic: str, value: bytes, **_where: object) -> FakeFuture:
        answer = next(self._answers, FakeFuture())
        if isinstance(answer, KafkaError):
            raise answer
        if answer.exception is None and answer.is_done:
            self.taken.append(value)
        return answer

    def flush(self, **_timeout: float) -> None:
        raise KafkaTimeoutError("not yet")

    def force_close(self) -> None:
        self.closed = True

    def join(self, **_timeout: float) -> None:
        assert self.closed

    def close(self, **_timeout: float) -> None:
        assert self.closed


def deliver_with(monkeypatch: pytest.MonkeyPatch, *producers: FakeProducer | KafkaError) -> Delivery:
    coming: Iterator[Any] = iter(producers)

    def connect(**_arguments: object) -> Any:
        producer = next(coming)
        if isinstance(producer, Exception):
            raise producer
        return producer

    monkeypatch.setattr(delivery, "KafkaProducer", connect)
    monkeypatch.setattr(delivery, "PATIENCE_S", 0.0)
    return Delivery(load_settings(), "topic", prompt=False, on_waiting=lambda _what: None, stopped=lambda: False)


def test_what_did_not_arrive_is_sent_again_by_a_new_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = FakeFuture(UnknownProducerIdError())
    first, second = FakeProducer(FakeFuture(), lost, FakeFuture(), FakeFuture(is_done=False)), FakeProducer()
    sending = deliver_with(monkeypatch, first, second)
    for value in (b"1", b"2", b"3", b"4"):
        sending.send(b"key", value)
    sending.flush()
    assert first.closed
    assert (first.taken, second.taken) == ([b"1", b"3"], [b"2", b"4"])
    assert (sending.acknowledged, sending.sent_again, sending.outstanding) == (4, 2, 0)


def test_it_waits_until_the_broker_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    back = FakeProducer()
    sending = deliver_with(
        monkeypatch,
        FakeProducer(KafkaTimeoutError("no metadata")),
        KafkaConnectionError(),
        KafkaConnectionError(),
        back,
    )
    sending.send(b"key", b"1")
    sending.flush()
    assert back.taken == [b"1"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MessageSizeTooLargeError(), r"topic: MessageSizeTooLargeError\. .*raise message\.max\.bytes"),
        (TopicAuthorizationFailedError(), r"topic: AuthorizationError\. Allow this client to write"),
    ],
)
def test_an_error_that_does_not_pass_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, error: KafkaError, message: str
) -> None:
    late = deliver_with(monkeypatch, FakeProducer(FakeFuture(error)))
    late.send(b"key", b"1")
    with pytest.raises(UsageError, match=message):
        late.flush()
    at_once = deliver_with(monkeypatch, FakeProducer(error))
    with pytest.raises(UsageError, match=message):
        at_once.send(b"key", b"1")


def _send_and_flush(sending: Delivery, key: bytes, value: bytes) -> None:
    sending.send(key, value)
    sending.flush()


def test_a_record_too_large_is_named_with_what_has_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    for refusal in (FakeFuture(MessageSizeTooLargeError()), MessageSizeTooLargeError()):
        sending = deliver_with(monkeypatch, FakeProducer(FakeFuture(), FakeFuture(), refusal))
        sending.send(b"key", b"1")
        sending.send(b"key", b"2")
        sending.check()
        with pytest.raises(UsageError) as refused:
            _send_and_flush(sending, b"a.json/7", b"333")
        assert str(refused.value) == (
            "Kafka rejected record 3 (key a.json/7, 3 bytes) on topic: MessageSizeTooLargeError. "
            "It is too large for Kafka. Split it, leave it out, or raise message.max.bytes of the topic. "
            "2 records were written; those after them may be missing. "
            "Publish the same again afterwards; duplicates are ignored."
        )


def test_it_gives_up_after_five_producers_that_deliver_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sending = deliver_with(monkeypatch, *(FakeProducer(FakeFuture(UnknownProducerIdError())) for _ in range(5)))
    sending.send(b"key", b"1")
    with pytest.raises(WardwatchError, match="5 times in a row: UnknownProducerIdError"):
        sending.flush()


def test_a_flush_with_a_limit_says_how_many_facts_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    sending = deliver_with(monkeypatch, FakeProducer(FakeFuture(), FakeFuture(is_done=False)))
    sending.send(b"key", b"1")
    sending.send(b"key", b"2")
    with pytest.raises(WardwatchError, match="did not acknowledge the last 1 facts"):
        sending.flush(timeout_s=0.05)
