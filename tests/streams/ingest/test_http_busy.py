"""HTTP while a large body is being read: others are answered, and the server can be stopped."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from streams.ingest.bounded_threads import LARGE_BYTES, MAX_LARGE
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.resource_reader import read_json
from streams.ingest.formats import Feeds
from streams.ingest.http_bodies import Body, read_facts
from tests.streams.ingest.fhir.resources import KEY, RECEIVED, V3, encounter
from tests.streams.ingest.test_http import BODY, FHIR, Answer, FakePublisher, serving

LARGE = b" " * LARGE_BYTES + BODY


def test_small_bodies_are_answered_while_large_ones_are_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slowly(body: bytes, feeds: Feeds, *, lines: bool) -> Body:
        if len(body) > LARGE_BYTES:
            assert go_on.wait(30)
        return read_facts(body, feeds, lines=lines)

    monkeypatch.setattr("streams.ingest.http.read_facts", slowly)
    answers: list[Answer] = []
    with serving(FakePublisher()) as peer:
        senders = [
            threading.Thread(target=lambda: answers.append(peer.post("/facts", LARGE))) for _ in range(MAX_LARGE + 2)
        ]
        for sender in senders:
            sender.start()
        time.sleep(0.2)
        assert peer.post("/facts", BODY).status == 202
        assert peer.post("/fhir", encounter(), FHIR).status == 202
        assert answers == []
        go_on.set()
        for sender in senders:
            sender.join(30)
    assert [answer.status for answer in answers] == [202] * (MAX_LARGE + 2)


@pytest.mark.parametrize("shape", ["contained", "bundle", "conditions", "shared"])
def test_what_takes_long_is_refused_or_read_in_seconds(shape: str) -> None:
    many = range(20_000)
    places = [{"resourceType": "Location", "id": str(number)} for number in many]
    lies = [{"location": {"reference": f"#{number}"}} for number in many]
    resource: Any = encounter(contained=places, location=lies)
    if shape != "contained":
        stay = encounter()
        about = {"encounter": {"reference": "Encounter/e1"}, "code": {"coding": [{"code": "I50.9", "system": V3}]}}
        ill = [{"resourceType": "Condition", "id": str(number)} | about for number in range(10_000)]
        wide = {"resourceType": "Patient", "id": "p1", "identifier": [{"value": "17"}] * 1_000}
        company: dict[str, list[Any]] = {"bundle": [], "conditions": ill, "shared": [wide, *ill[:900]]}
        entries = [{"resource": one} for one in [*company[shape], *[stay] * 5_000]]
        resource = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    raw = json.dumps(resource).encode()
    began_s = time.process_time()
    reading = read_json(raw, FhirOptions(), KEY, RECEIVED)
    assert time.process_time() - began_s < 10
    assert bool(reading.problems) is (shape != "bundle")


SERVER = """
import contextlib
from schemas.settings import load_settings
from streams.ingest import http, http_server
from streams.ingest.http_server import serve_http

class Sink:
    def __init__(self, settings): pass
    async def start(self): pass
    async def stop(self): pass
    async def publish(self, records): pass
    def heart(self, role): return self
    def beating(self): return contextlib.nullcontext()

def for_ever(body, feeds, *, lines):
    print("reading", flush=True)
    while True:
        pass

http_server.Publisher, http.read_facts = Sink, for_ever
serve_http(load_settings(), 0, lambda address: print(address, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_while_a_body_is_being_read(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARDWATCH_DATA_DIR", str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().rpartition(":")[2])
        request = (
            f"POST /facts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(request.encode() + BODY)
            assert process.stdout.readline() == "reading\n"
            began_s = time.monotonic()
            process.send_signal(number)
            process.wait(20)
        assert time.monotonic() - began_s < 10
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
