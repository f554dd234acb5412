"""Read mangled FHIR resources: no exception may escape the reader, and none may take long.

Half of them have other values in a few places, or places exchanged; the other half have other bytes.

.venv/bin/python -m benchmarks.fuzz_fhir 1000000
"""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import msgspec

from schemas.events import decode_fact, encode_fact
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.resource_reader import read_json
from tests.streams.ingest.fhir.resources import KEY, RECEIVED, WHOLE, bundle, encounter, lies

PLAN = encounter("planned", period=None, plannedStartDate="2026-04-01T08:00:00Z", location=[lies("w4-12-1")])
CLASSES = [
    {"class": {"code": "EMER"}, "period": {"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}},
    {"class": {"code": "IMP"}, "period": {"start": "2026-03-02T10:00:00Z"}},
]
GONE = {
    "request": {"method": "DELETE", "url": "Encounter/e1"},
    "response": {"etag": 'W/"3"', "lastModified": "2026-03-03T08:00:00Z"},
}
DELETED = bundle(encounter(classHistory=CLASSES), kind="history")
DELETED["entry"].append(GONE)
RESOURCES = (WHOLE, encounter(), PLAN, bundle(encounter("cancelled")), encounter(classHistory=CLASSES), DELETED)
SEEDS = [msgspec.json.encode(resource) for resource in RESOURCES]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "a\x00b",
    "x" * 5_000,
    "2026-03-02",
    "2026-02-30",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "Location/w4",
    "#e1",
    [],
    {},
    [[[]]],
    {"reference": "Encounter/e1"},
    {"start": "2026-03-09T00:00:00Z", "end": "2026-03-01T00:00:00Z"},
]
PIECES = [b'"', b"\\", b"\\u0000", b"\\ud800", b"{", b"}", b"[", b"]", b",", b":", b"null", b"-", b"\xff", b"1e999"]


def containers(value: Any) -> list[Any]:
    """Return all objects and lists in `value`, itself included."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    here = [value] if isinstance(value, (dict, list)) and value else []
    return here + [found for each in inside for found in containers(each)]


def with_other_values(raw: bytes, chance: random.Random) -> bytes:
    """Return the resource with other values in a few places; some come from elsewhere in it."""
    resource = msgspec.json.decode(raw)
    for _ in range(chance.randint(1, 4)):
        found = containers(resource)
        if not found:
            break
        where = chance.choice(found)
        key = chance.choice(list(where)) if isinstance(where, dict) else chance.randrange(len(where))
        if chance.random() < 0.2:
            del where[key]
            continue
        put = chance.choice(VALUES) if chance.random() < 0.7 else chance.choice(found)
        where[key] = msgspec.json.decode(msgspec.json.encode(put))
    return msgspec.json.encode(resource)


def with_other_bytes(raw: bytes, chance: random.Random) -> bytes:
    """Return the bytes with a few random changes."""
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(raw) + 1)
        put = chance.choice(PIECES) if chance.random() < 0.7 else chance.randbytes(chance.randint(1, 4))
        raw = raw[:start] + put * chance.choice((1, 1, 1, 3_000)) + raw[start + chance.choice((0, 0, 1, 5, 60)) :]
    return raw


def main(inputs: int, seed: int = 1) -> None:
    """Read `inputs` mangled resources and print the counts of results."""
    chance = random.Random(seed)
    options = FhirOptions()
    with_facts = with_errors = nothing = 0
    longest_s = spent_s = 0.0
    for number in range(inputs):
        mangle = with_other_values if number % 2 else with_other_bytes
        raw = mangle(chance.choice(SEEDS), chance)
        started_s = time.perf_counter()
        reading = read_json(raw, options, KEY, RECEIVED)
        took_s = time.perf_counter() - started_s
        longest_s, spent_s = max(longest_s, took_s), spent_s + took_s
        with_facts, with_errors = with_facts + bool(reading.facts), with_errors + bool(reading.problems)
        nothing += not (reading.facts or reading.problems or reading.notification)
        for fact in reading.facts:
            decode_fact(encode_fact(fact))
    print(f"{inputs:,} inputs, {spent_s:.0f} s of reading: {with_facts:,} gave facts, {with_errors:,} gave errors,")
    print(f"{nothing:,} neither (no Encounter in a Bundle); no crash; the longest took {longest_s * 1000:.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
