"""Records on their way to Kafka: none may be one that it never takes, for that would stop all that come after it."""

from __future__ import annotations

from schemas.outgoing import REJECTED_HEADER, rejected


def test_what_is_no_fact_travels_as_it_came_with_the_reason() -> None:
    sent = rejected(b"MSH|", "No visit number", "C1")
    assert sent == (b"C1", b"MSH|", None, ((REJECTED_HEADER, b"No visit number"),))


def test_bytes_that_kafka_would_not_take_are_cut_and_the_reason_says_so() -> None:
    fits = rejected(b"x" * 900_000, "No visit number", "C1")
    assert (len(fits.value), fits.headers[0][1]) == (900_000, b"No visit number")
    cut = rejected(b"x" * 1_200_000, "No visit number", "C1")
    assert len(cut.value) == 900_000
    assert cut.headers[0][1] == (
        b"No visit number Cut: these are the first 900,000 of 1,200,000 bytes; the sender has the rest."
    )


def test_no_reason_and_no_key_is_too_long_or_cannot_be_written() -> None:
    sent = rejected(b"", "The reason. " * 100_000, "\udcff.hl7/" + "x" * 1_000)
    assert len(sent.headers[0][1]) < 20_100
    assert sent.headers[0][1].endswith(b" ... and more.")
    assert sent.key.startswith(b"\\udcff.hl7/xxx")
    assert len(sent.key) < 300
