"""Read mangled HL7 v2 messages: no exception may escape the reader, and none may take long.

.venv/bin/python -m benchmarks.fuzz_hl7 1000000
"""

from __future__ import annotations

import random
import sys
import time

from schemas.errors import NotHl7
from schemas.events import decode_fact, encode_fact
from tests.streams.ingest.hl7.messages import message, read

SEEDS = [
    message(
        trigger, f44="20260302", f11="XR^^1", f42="ICU^^2", more=["MRG|16^^^HG^MR", "DG1|1||I50^^I10", "NPU|4W^^01|H"]
    )
    for trigger in ("A01", "A02", "A03", "A08", "A14", "A17", "A20", "A40")
]
PIECES = [
    b"|",
    b"^",
    b"~",
    b"\\",
    b"&",
    b"\r",
    b"\n",
    b"\x00",
    b"\x1c",
    b'""',
    b"\\X0D\\",
    b"\\.sp9\\",
    b"MSH|",
    b"\xff\xfe",
]


def mangled(chance: random.Random) -> bytes:
    """Return one message with a few random changes."""
    raw = chance.choice(SEEDS)
    for _ in range(chance.randint(1, 8)):
        start = chance.randrange(len(raw) + 1)
        put = chance.choice(PIECES) if chance.random() < 0.6 else chance.randbytes(chance.randint(1, 4))
        raw = raw[:start] + put * chance.choice((1, 1, 1, 40)) + raw[start + chance.choice((0, 0, 1, 5, 60)) :]
    return raw


def main(inputs: int, seed: int = 1) -> None:
    """Read `inputs` mangled messages and print the counts of results."""
    chance = random.Random(seed)
    facts = rejected = not_hl7 = 0
    longest_s = 0.0
    began_s = time.perf_counter()
    for _ in range(inputs):
        raw = mangled(chance)
        started_s = time.perf_counter()
        try:
            reading = read(raw)
        except NotHl7:
            not_hl7 += 1
            continue
        finally:
            longest_s = max(longest_s, time.perf_counter() - started_s)
        facts, rejected = facts + bool(reading.facts), rejected + (reading.rejected is not None)
        for fact in reading.facts:
            decode_fact(encode_fact(fact))
    spent_s = time.perf_counter() - began_s
    print(f"{inputs:,} inputs in {spent_s:.0f} s: {facts:,} gave facts, {rejected:,} rejected, {not_hl7:,} not HL7;")
    print(f"no crash; the longest took {longest_s * 1000:.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
