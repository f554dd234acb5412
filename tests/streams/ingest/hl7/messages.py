"""HL7 v2 messages for tests: short ways to write them."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events import AnyFact
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.ingest.hl7.message_reader import Hl7Reading, read_message

KEY = b"k" * 32


def message(
    trigger: str = "A01",
    *,
    visit: str = "V1",
    place: str = "4W^12^01^HG",
    patient: str = "17^^^HG^MR",
    occurred: str = "20260302101500",
    recorded: str = "20260302101900",
    sent: str = "20260302102000",
    birth: str = "19500101",
    control_id: str = "C1",
    more: Sequence[str] = (),
    **pv1: str,
) -> bytes:
    """One message; `pv1` gives further fields by number: `f36="01"`."""
    fields = [""] * 52
    fields[0], fields[2], fields[3], fields[19] = "PV1", "I", place, visit
    for name, value in pv1.items():
        fields[int(name[1:])] = value
    lines = [
        f"MSH|^~\\&|ADT|HARBOUR|WW|WW|{sent}||ADT^{trigger}|{control_id}|P|2.5",
        f"EVN|{trigger}|{recorded}||||{occurred}",
        f"PID|1||{patient}||DOE^JANE||{birth}|F",
        "|".join(fields).rstrip("|"),
        *more,
    ]
    return "\r".join(lines).encode()


def read(raw: bytes, mapping: Hl7Mapping | None = None) -> Hl7Reading:
    return read_message(raw, mapping or Hl7Mapping(), KEY)


def fact(raw: bytes, mapping: Hl7Mapping | None = None) -> AnyFact:
    reading = read(raw, mapping)
    assert reading.rejected is None, reading.rejected
    assert len(reading.facts) == 1
    return reading.facts[0]
