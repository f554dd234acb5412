"""HTTP: 202 means that Kafka has it, an error says which record and why, and no peer can do harm."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog
import uvicorn

from schemas.errors import BrokerUnavailable, SettingsError, UsageError
from schemas.events import decode_fact, encode_fact
from schemas.outgoing import REJECTED_HEADER, Outgoing
from schemas.settings import Settings, load_settings
from streams.ingest.from_files import read_fhir
from streams.ingest.http import build
from streams.ingest.http_server import require_token, serve_http
from streams.ingest.publisher import records_too_large
from streams.worker.embedded_broker import EmbeddedBroker
from tests.conftest import MakeSettings
from tests.simulators.test_publish import read_all
from tests.streams.ingest.fhir.resources import KEY, PATIENT, bundle, concept, encounter, facts
from tests.support.kafka import KafkaBroker

FACT = facts(encounter())[0]
BODY = encode_fact(FACT)
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
FHIR = {"Content-Type": "application/fhir+json; fhirVersion=4.0"}
SECRET = "a token of the hospital"


class FakePublisher:
    """Keeps what it is given; `away` makes it fail, and what is larger than `largest_bytes` is refused."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.away = False
        self.largest_bytes = 1_000_000

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.away:
            raise BrokerUnavailable("the broker is away")
        self.records += [record for record in records if len(record.value) <= self.largest_bytes]
        too_large = [number for number, record in enumerate(records) if len(record.value) > self.largest_bytes]
        if too_large:
            raise records_too_large(too_large, records)


class Answer(NamedTuple):
    status: int
    content: Any
    headers: dict[str, str]


class Peer:
    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, method: str, path: str, body: Any = b"", headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, raw, headers or {})
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()), dict(response.getheaders()))
        finally:
            connection.close()

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        return self.ask("POST", path, body, JSON if headers is None else headers)


class WithToken(Settings):
    ingest_token: str = SECRET


@contextmanager
def serving(publisher: FakePublisher, settings: Settings | None = None, **options: Any) -> Iterator[Peer]:
    options = {"find_broker": lambda: None, **options}
    app = build(settings or load_settings(), publisher, KEY, **options)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        yield Peer(bound.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def peer(publisher: FakePublisher) -> Iterator[Peer]:
    with serving(publisher) as peer:
        yield peer


@pytest.mark.parametrize(
    ("body", "headers", "count"),
    [
        (BODY, JSON, 1),
        (BODY, {"Content-Type": "application/cloudevents+json; charset=utf-8"}, 1),
        (b"[" + BODY + b", " + BODY + b"]", JSON, 2),
        (BODY + b"\n\r\n" + BODY + b"\r\n", LINES, 2),
        (b" []", JSON, 0),
    ],
)
def test_facts_are_published_under_their_keys(
    peer: Peer, publisher: FakePublisher, body: bytes, headers: dict[str, str], count: int
) -> None:
    answer = peer.post("/facts", body, headers)
    assert (answer.status, answer.content) == (202, {"published": count, "errors": []})
    assert [(record.key, record.value) for record in publisher.records] == [
        (FACT.partition_key.encode(), BODY) for _ in range(count)
    ]


def test_the_good_ones_of_a_batch_are_published_and_the_bad_ones_named(peer: Peer, publisher: FakePublisher) -> None:
    person = json.loads(BODY) | {"subject": "patient:somebody"}
    no_time = json.loads(BODY) | {"time": "Jane Doe"}
    answer = peer.post("/facts", [json.loads(BODY), no_time, 5, person, json.loads(BODY)])
    assert answer.status == 207
    assert answer.content["published"] == len(publisher.records) == 2
    assert [error["index"] for error in answer.content["errors"]] == [1, 2, 3]
    assert "$.time" in answer.content["errors"][0]["error"]
    assert "subject" in answer.content["errors"][2]["error"]
    assert "Jane" not in json.dumps(answer.content)


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b"null", b"\xff", b"[" * 100_000, b'{"type": "wardwatch.adt"}'])
@pytest.mark.parametrize("headers", [JSON, LINES])
def test_what_is_no_fact_is_refused(peer: Peer, publisher: FakePublisher, body: bytes, headers: dict[str, str]) -> None:
    answer = peer.post("/facts", body, headers)
    if body or headers is JSON:
        assert answer.status == 422
        assert [error["index"] for error in answer.content["errors"]] == [0]
        assert answer.content["errors"][0]["error"]
    else:
        assert answer.content == {"published": 0, "errors": []}  # a file without lines
    assert publisher.records == []


def test_a_fact_that_kafka_would_not_take_is_refused_and_not_tried_for_ever(
    peer: Peer, publisher: FakePublisher
) -> None:
    large = json.loads(BODY)
    large["data"]["diagnoses"] = [{"code": f"{number:0>190}"} for number in range(5_500)]
    answer = peer.post("/facts", large)
    assert answer.status == 422
    assert "larger than 1000000 bytes" in answer.content["errors"][0]["error"]
    assert publisher.records == []


def test_what_only_this_broker_refuses_is_the_senders_error_and_the_others_are_published(
    peer: Peer, publisher: FakePublisher
) -> None:
    publisher.largest_bytes = 2_000
    large = json.loads(BODY)
    large["data"]["diagnoses"] = [{"code": f"{number:0>190}"} for number in range(20)]
    answer = peer.post("/facts", [5, json.loads(BODY), large, json.loads(BODY)])
    assert (answer.status, answer.content["published"], len(publisher.records)) == (207, 2, 2)
    assert [error["index"] for error in answer.content["errors"]] == [0, 2]
    assert "larger than this Kafka allows" in answer.content["errors"][1]["error"]
    assert peer.post("/facts", large).status == 422
    listed = [{"condition": {"concept": concept(f"{number:0>190}")}} for number in range(20)]
    answer = peer.post("/fhir", encounter(diagnosis=listed), FHIR)
    assert (answer.status, answer.content["published"]) == (207, 1)
    assert answer.content["errors"][0]["fact"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [("/facts", b"[" + b"1," * 60_000 + b"1]"), ("/fhir", bundle(kind="batch") | {"entry": [1] * 110_000})],
)
def test_a_body_of_very_many_records_has_one_error(peer: Peer, path: str, body: Any) -> None:
    answer = peer.post(path, body)
    assert (answer.status, len(answer.content["errors"])) == (422, 1)
    assert "send fewer at a time" in answer.content["errors"][0]["error"]


def test_a_byte_order_mark_is_no_content(peer: Peer, publisher: FakePublisher) -> None:
    mark = b"\xef\xbb\xbf"
    assert peer.post("/facts", mark + BODY).status == 202
    assert peer.post("/facts", mark + b"[" + BODY + b"]").status == 202
    assert peer.post("/facts", mark + BODY + b"\n", LINES).status == 202
    assert peer.post("/fhir", mark + json.dumps(encounter()).encode(), FHIR).status == 202
    assert peer.ask("PUT", "/fhir/Encounter/e1", mark + json.dumps(encounter()).encode(), FHIR).status == 202
    assert len(publisher.records) == 5


@pytest.mark.parametrize("path", ["/fhir", "/fhir/Encounter"])
def test_fhir_becomes_facts(peer: Peer, publisher: FakePublisher, path: str) -> None:
    answer = peer.post(path, encounter(), FHIR)
    assert (answer.status, answer.content) == (202, {"published": 1, "errors": []})
    assert decode_fact(publisher.records[0].value) == FACT


def test_a_bundle_with_good_and_bad(peer: Peer, publisher: FakePublisher) -> None:
    answer = peer.post("/fhir", bundle(PATIENT, encounter(), encounter("unknown")), FHIR)
    assert (answer.status, answer.content["published"], len(publisher.records)) == (207, 1, 1)
    assert [error["path"] for error in answer.content["errors"]] == ["Bundle.entry[2].resource.status"]
    answer = peer.post("/fhir", bundle(PATIENT), FHIR)
    assert (answer.status, answer.content["errors"][0]["path"]) == (422, "Bundle.entry")


@pytest.mark.parametrize("kind", ["searchset", "history", "collection", "transaction"])
@pytest.mark.parametrize("entries", [{}, {"entry": []}])
def test_a_bundle_without_entries_has_nothing_to_publish_over_http_and_from_a_file(
    peer: Peer, publisher: FakePublisher, tmp_path: Path, kind: str, entries: dict[str, Any]
) -> None:
    empty = {"resourceType": "Bundle", "type": kind, "total": 0, **entries}
    answer = peer.post("/fhir", empty, FHIR)
    assert (answer.status, answer.content) == (202, {"published": 0, "errors": []})
    assert publisher.records == []
    assert from_a_file(tmp_path, empty) == []


def test_a_dry_run_counts_what_has_nothing_to_publish_neither_as_facts_nor_as_dead_letters(tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text('{"resourceType": "Bundle", "type": "history"}', encoding="utf-8")
    command = [sys.executable, "-m", "wardwatch", "ingest", "fhir", str(file), "--dry-run"]
    done = subprocess.run(
        command, env=os.environ | {"WARDWATCH_DATA_DIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to publish" in done.stdout
    assert "0 resources give facts, 0 would be dead letters." in done.stdout


def test_a_bundle_without_an_encounter_is_an_error_over_http_and_from_a_file(peer: Peer, tmp_path: Path) -> None:
    for others in (PATIENT, {"resourceType": "OperationOutcome", "issue": []}):
        assert peer.post("/fhir", bundle(others, kind="searchset"), FHIR).status == 422
        (letter,) = from_a_file(tmp_path, bundle(others, kind="searchset"))
        assert letter.headers[0][0] == REJECTED_HEADER


def from_a_file(folder: Path, resource: dict[str, Any]) -> list[Any]:
    file = folder / "bundle.json"
    file.write_text(json.dumps(resource), encoding="utf-8")
    return [record for read in read_fhir([file], load_settings(data_dir=folder)) for record in read.records()]


def test_an_encounter_is_put_at_its_address(peer: Peer, publisher: FakePublisher) -> None:
    assert peer.ask("PUT", "/fhir/Encounter/e1", encounter(), FHIR).status == 202
    for resource, path in ((encounter(id="e2"), "Encounter.id"), (PATIENT, "resourceType"), ([], "resourceType")):
        answer = peer.ask("PUT", "/fhir/Encounter/e1", resource, FHIR)
        assert (answer.status, answer.content["errors"][0]["path"]) == (422, path)
    assert len(publisher.records) == 1


def test_a_handshake_is_answered_even_while_kafka_is_away(peer: Peer, publisher: FakePublisher) -> None:
    publisher.away = True
    status = {"resourceType": "SubscriptionStatus", "type": "handshake"}
    answer = peer.post("/fhir", bundle(status, kind="subscription-notification"), FHIR)
    assert (answer.status, answer.content) == (200, {"published": 0, "errors": [], "notification": "handshake"})


def test_without_kafka_nothing_is_taken(peer: Peer, publisher: FakePublisher) -> None:
    publisher.away = True
    for path, body in (("/facts", BODY), ("/fhir", encounter())):
        answer = peer.post(path, body)
        assert (answer.status, answer.content) == (503, {"error": "the broker is away"})
        assert answer.headers["retry-after"] == "5"
    publisher.away = False
    assert peer.post("/facts", BODY).status == 202


def test_readiness_follows_kafka(publisher: FakePublisher) -> None:
    def away() -> None:
        raise BrokerUnavailable("away")

    with serving(publisher) as peer:
        assert peer.ask("GET", "/ready")[:2] == (200, {"ready": True})
    with serving(publisher, find_broker=away) as peer:
        assert peer.ask("GET", "/ready")[:2] == (503, {"ready": False})


@contextmanager
def relay(to: Callable[[], str]) -> Iterator[str]:
    """Stand before brokers that come and go on ports of their own, as one that comes back on the same."""
    ours = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with source, sink, suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)

    def take() -> None:
        with suppress(OSError):
            while True:
                peer, _ = ours.accept()
                host, _, port = to().rpartition(":")
                try:
                    broker = socket.create_connection((host, int(port)))
                except OSError:
                    peer.close()
                    continue
                for pair in ((peer, broker), (broker, peer)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=take, daemon=True).start()
    try:
        yield f"127.0.0.1:{ours.getsockname()[1]}"
    finally:
        ours.shutdown(socket.SHUT_RDWR)
        ours.close()


def test_ready_follows_an_embedded_broker_that_goes_and_comes(publisher: FakePublisher, settings: MakeSettings) -> None:
    at = ""
    with relay(lambda: at) as address:
        embedded = settings(kafka_bootstrap_servers=address, kafka_embedded=True)
        with serving(publisher, embedded, find_broker=None) as peer:
            for _ in range(2):
                with EmbeddedBroker() as broker:
                    at = broker.bootstrap
                    until(lambda: peer.ask("GET", "/ready")[:2] == (200, {"ready": True}))
                until(lambda: peer.ask("GET", "/ready")[:2] == (503, {"ready": False}))


def test_a_body_beyond_the_limit_is_refused_however_it_comes(publisher: FakePublisher) -> None:
    with serving(publisher, largest_bytes=10_000) as peer:
        assert peer.post("/facts", BODY + b" " * 9_000).status == 202
        assert peer.post("/facts", b" " * 10_001).status == 413
        connection = http.client.HTTPConnection("127.0.0.1", peer._port, timeout=30)
        connection.request("POST", "/fhir", iter([b" " * 6_000] * 2), JSON, encode_chunked=True)
        assert connection.getresponse().status == 413
        connection.close()
        assert len(publisher.records) == 1


def test_nobody_waits_for_a_peer_that_falls_silent(peer: Peer) -> None:
    with socket.create_connection(("127.0.0.1", peer._port)) as silent:
        silent.sendall(
            b"POST /facts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n["
        )
        assert peer.post("/facts", BODY).status == 202


@pytest.mark.parametrize("path", ["/facts", "/fhir", "/fhir/Encounter"])
def test_only_who_shows_the_token_is_let_in(publisher: FakePublisher, path: str) -> None:
    body: Any = BODY if path == "/facts" else encounter()
    with serving(publisher, WithToken.model_validate({})) as peer:
        for shown in ({}, {"Authorization": SECRET}, {"Authorization": f"Bearer {SECRET}x"}):
            answer = peer.post(path, body, JSON | shown)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert publisher.records == []
        assert peer.post(path, body, JSON | {"Authorization": f"Bearer {SECRET}"}).status == 202
        assert peer.ask("GET", "/ready").status == 200


def test_web_pages_and_what_they_can_send_unasked_are_refused(peer: Peer, publisher: FakePublisher) -> None:
    assert peer.post("/facts", BODY, JSON | {"Origin": "http://localhost:8050"}).status == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert peer.post("/facts", BODY, {"Content-Type": kind}).status == 415
    assert peer.post("/facts", BODY, {}).status == 415
    assert peer.post("/facts", BODY, JSON | {"Content-Encoding": "gzip"}).status == 415
    assert publisher.records == []


def test_no_log_line_and_no_answer_repeats_a_body(peer: Peer, publisher: FakePublisher) -> None:
    private = "Jane Doe 1950-03-03"
    bad = encounter("finished", id=private, subject={"display": private}, period={"start": private})
    with structlog.testing.capture_logs() as lines:
        said = [
            peer.post("/fhir", bad, FHIR),
            peer.post("/facts", json.loads(BODY) | {"time": private}),
            peer.post("/facts", private.encode()),
            peer.ask("PUT", "/fhir/Encounter/Jane-Doe", bad, FHIR),
        ]
    assert [answer.status for answer in said] == [422] * 4
    assert len(lines) == 4
    for part in ("Jane", "1950"):
        assert part not in repr(lines)
        assert part not in repr([answer.content for answer in said])


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::", "hospital.example"])
def test_an_open_address_needs_a_token(host: str) -> None:
    with pytest.raises(SettingsError, match="WARDWATCH_INGEST_TOKEN"):
        require_token(host, "short")
    require_token(host, SECRET)
    for loopback in ("127.0.0.1", "::1", "localhost"):
        require_token(loopback, "")


def test_a_port_that_is_taken_is_said(settings: MakeSettings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="is not available"):
            serve_http(settings(), taken.getsockname()[1], print)


def until(reached: Callable[[], bool], timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.3)


@pytest.mark.kafka
def test_the_server_answers_202_only_for_what_kafka_has(fresh_kafka: KafkaBroker, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "WARDWATCH_KAFKA_BOOTSTRAP_SERVERS": fresh_kafka.bootstrap,
        "WARDWATCH_DATA_DIR": str(tmp_path),
    }
    code = (
        "from functools import partial; from schemas.settings import load_settings; "
        "from streams.ingest.http_server import serve_http; serve_http(load_settings(), 0, partial(print, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        peer = Peer(int(process.stdout.readline().rpartition(":")[2]))
        assert peer.ask("GET", "/ready").status == 200
        many = [json.loads(BODY) | {"subject": f"V{number}"} for number in range(2_000)]
        assert peer.post("/facts", many)[:2] == (202, {"published": 2_000, "errors": []})
        fresh_kafka.kill()
        assert peer.post("/facts", BODY).status == 503
        until(lambda: peer.ask("GET", "/ready").status == 503)
        fresh_kafka.restart()
        until(lambda: peer.ask("GET", "/ready").status == 200)
        until(lambda: peer.post("/fhir", encounter()).status == 202)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    records = read_all(fresh_kafka.settings, 2_001)
    assert {decode_fact(record.value).subject for record in records} == {"V1", *(f"V{n}" for n in range(2_000))}
    assert all(record.key == decode_fact(record.value).partition_key.encode() for record in records)
