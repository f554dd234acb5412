"""Facts on the wire: strict, canonical, and silent about what they refuse."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.errors import FactRejected
from schemas.events import AnyFact, Diagnosis, PatientClass, decode_fact, digest, encode_fact, json_schema
from tests.streams.builders import (
    admit,
    at,
    bed,
    cancel_admission,
    cancel_discharge,
    cancel_transfer,
    discharge,
    transfer,
    update,
)

ALL: list[AnyFact] = [
    admit(0, "4W/01", patient_class=PatientClass.INPATIENT, age_years=70, diagnoses=(Diagnosis(code="I50.9"),)),
    transfer(1, "5E/02"),
    discharge(2, "03"),
    update(3, admitted_at=at(-1)),
    cancel_admission(4),
    cancel_transfer(5, cancels="x"),
    cancel_discharge(6),
    bed(7, "4W/01", "blocked", reason="leak"),
]


@pytest.mark.parametrize("fact", ALL, ids=lambda fact: type(fact).__name__)
def test_a_fact_survives_the_wire(fact: AnyFact) -> None:
    assert decode_fact(encode_fact(fact)) == fact


@pytest.mark.parametrize("fact", ALL, ids=lambda fact: type(fact).__name__)
def test_a_fact_follows_the_published_schema_and_cloudevents(fact: AnyFact) -> None:
    wire = json.loads(encode_fact(fact))
    jsonschema.validate(wire, json_schema())
    assert {"id", "source", "specversion", "type", "subject", "time"} <= set(wire)
    assert wire["specversion"] == "1.0"


def wire(**changes: Any) -> bytes:
    return json.dumps({**json.loads(encode_fact(ALL[0])), **changes}).encode()


def test_the_same_fact_written_otherwise_is_the_same_bytes() -> None:
    spaced = json.dumps(json.loads(encode_fact(ALL[0])), indent=3, sort_keys=True).encode()
    assert encode_fact(decode_fact(spaced)) == encode_fact(ALL[0])


def test_times_of_other_zones_become_utc() -> None:
    assert decode_fact(wire(time="2026-03-02T01:00:00+01:00")) == ALL[0]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "Not valid JSON"),
        (b"\xff\xfe", "Not valid JSON"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field `type`"),
        (wire(type="other"), r"\$\.type"),
        (wire(id=""), r"\$\.id"),
        (wire(id="x" * 201), r"\$\.id"),
        (wire(subject=None), r"\$\.subject"),
        (wire(time="2026-03-02T00:00:00"), "timezone"),
        (wire(time="0001-01-01T00:00:00+14:00"), "outside the years"),
        (wire(specversion="0.3"), r"\$\.specversion"),
        (wire(subject="a\x00b"), r"U\+0000"),
        (wire(data={"age_years": 200}), r"\$\.data\.age_years"),
        (wire(data={"patient_class": "Mary Miller"}), r"\$\.data\.patient_class"),
        (b"[" * 100_000, "nested|truncated|Expected"),
    ],
)
def test_what_is_no_fact_is_refused_with_the_place(raw: bytes, reason: str) -> None:
    with pytest.raises(FactRejected, match=reason):
        decode_fact(raw)


@pytest.mark.parametrize("slashes", range(1, 9))
def test_only_the_character_of_u0000_is_refused_and_never_its_six_characters_as_text(slashes: int) -> None:
    raw = wire().replace(b'"HG"', b'"' + b"\\" * slashes + b'u0000"')
    if slashes % 2:
        with pytest.raises(FactRejected, match=r"U\+0000"):
            decode_fact(raw)
    else:
        found: Any = decode_fact(raw)
        assert found.data.location.facility_id == "\\" * (slashes // 2) + "u0000"


@settings(max_examples=500, deadline=None)
@given(text=st.text(st.sampled_from('\\u0"x\n\x00') | st.characters(codec="utf-8"), min_size=1, max_size=20))
@example(text="\\u0000")
@example(text="\\\\u0000")
@example(text="\\\x00")
@example(text='"\\u0000')
def test_any_text_without_u0000_survives_the_wire(text: str) -> None:
    fact = admit(0, "4W/01", e=text, p=text, id=text, service=text)
    if "\x00" in text:
        with pytest.raises(FactRejected, match=r"U\+0000"):
            decode_fact(encode_fact(fact))
    else:
        assert decode_fact(encode_fact(fact)) == fact


def test_a_reason_never_quotes_what_stood_there() -> None:
    for field in ("patient_class", "sex", "admission_type"):
        with pytest.raises(FactRejected) as refused:
            decode_fact(wire(data={field: "Mary Miller"}))
        assert "Mary" not in str(refused.value)


def test_other_content_has_another_digest() -> None:
    assert digest(encode_fact(ALL[0])) != digest(encode_fact(ALL[1]))
    assert -(2**63) <= digest(b"x") < 2**63
