"""MLLP: an acknowledgement means that Kafka has it; whatever a peer does, the others are served."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas.errors import BrokerUnavailable, RecordsTooLarge, UsageError
from schemas.events import decode_fact
from schemas.outgoing import REJECTED_HEADER, Outgoing
from streams.ingest.hl7.frame import FrameResult, read_frame
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.ingest.hl7.mllp import MllpServer
from streams.ingest.hl7.mllp_options import MllpOptions
from tests.simulators.test_publish import read_all
from tests.streams.ingest.hl7.messages import KEY, message
from tests.support.kafka import KafkaBroker

START, END = b"\x0b", b"\x1c\r"


class FakePublisher:
    """Keeps what it is given; `away` makes it fail, `gate` makes it wait, and more than `largest_bytes` is refused."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.away = False
        self.largest_bytes = 1_000_000
        self.gate = asyncio.Event()
        self.gate.set()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        await self.gate.wait()
        if self.away:
            raise BrokerUnavailable("away")
        if any(len(record.value) > self.largest_bytes for record in records):
            raise RecordsTooLarge("1 of 1 records are larger than Kafka takes.", (0,))
        self.records += records


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, raw: bytes) -> None:
        self.writer.write(START + raw + END)

    async def answer(self, within_s: float = 5) -> list[list[str]]:
        block = await asyncio.wait_for(self.reader.readuntil(END), within_s)
        assert block.startswith(START)
        return [line.split("|") for line in block[1:-2].decode().split("\r") if line]

    async def ended(self, within_s: float = 5) -> bool:
        return await asyncio.wait_for(self.reader.read(), within_s) == b""


@asynccontextmanager
async def serving(
    publisher: FakePublisher, context: ssl.SSLContext | None = None, **options: object
) -> AsyncIterator[Callable[[], Awaitable[Peer]]]:
    server = MllpServer(MllpOptions(port=0, **options), publisher, Hl7Mapping(), KEY)  # type: ignore[arg-type]
    port = await server.start()
    peers: list[Peer] = []

    async def connect() -> Peer:
        peers.append(Peer(*await asyncio.open_connection("127.0.0.1", port, ssl=context)))
        return peers[-1]

    try:
        yield connect
    finally:
        await server.stop()
        for peer in peers:
            peer.writer.close()


def test_a_message_is_acknowledged_with_its_control_id() -> None:
    async def run() -> None:
        publisher = FakePublisher()
        async with serving(publisher) as connect:
            peer = await connect()
            peer.send(message())
            header, acknowledgement = await peer.answer()
            assert acknowledgement[:3] == ["MSA", "AA", "C1"]
            assert (header[2:6], header[8]) == (["WW", "WW", "ADT", "HARBOUR"], "ACK^A01^ACK")
            assert len(publisher.records) == 1

    asyncio.run(run())


def test_what_cannot_be_used_is_answered_and_kept_with_its_reason() -> None:
    async def run() -> None:
        publisher = FakePublisher()
        async with serving(publisher) as connect:
            peer = await connect()
            peer.send(message(visit=""))
            assert (await peer.answer())[1][:3] == ["MSA", "AE", "C1"]
            peer.send(b"GET / HTTP/1.1")
            assert (await peer.answer())[1][1] == "AR"
            assert [record.headers[0][0] for record in publisher.records] == [REJECTED_HEADER] * 2
            assert publisher.records[1].value == b"GET / HTTP/1.1"
            peer.send(message())  # the connection lives on
            assert (await peer.answer())[1][1] == "AA"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("accept", "application", "good", "bad"),
    [
        ("AL", "NE", "CA", "CE"),
        ("ER", "NE", None, "CE"),
        ("SU", "NE", "CA", None),
        ("NE", "NE", None, None),
        ("NE", "AL", "AA", "AE"),
        ("NE", "ER", None, "AE"),
    ],
)
def test_enhanced_mode_answers_as_asked(accept: str, application: str, good: str | None, bad: str | None) -> None:
    async def run() -> None:
        async with serving(FakePublisher()) as connect:
            for raw, code in ((message(), good), (message(visit=""), bad)):
                peer = await connect()
                peer.send(raw.replace(b"|P|2.5", f"|P|2.5|||{accept}|{application}".encode()))
                if code is None:
                    with pytest.raises(TimeoutError):
                        await peer.answer(0.2)
                else:
                    assert (await peer.answer())[1][1] == code

    asyncio.run(run())


def test_without_kafka_there_is_no_acknowledgement_and_the_sender_may_come_again() -> None:
    async def run() -> None:
        publisher = FakePublisher()
        async with serving(publisher) as connect:
            publisher.away = True
            peer = await connect()
            peer.send(message())
            assert await peer.ended()
            publisher.away = False
            peer = await connect()
            peer.send(message())
            assert (await peer.answer())[1][1] == "AA"

    asyncio.run(run())


def test_an_acknowledgement_waits_for_kafka_and_nobody_else_waits_for_it() -> None:
    async def run() -> None:
        publisher = FakePublisher()
        publisher.gate.clear()
        async with serving(publisher) as connect:
            slow, silent, other = await connect(), await connect(), await connect()
            slow.send(message())
            silent.writer.write(START + b"MSH|^~\\&|never ends")
            with pytest.raises(TimeoutError):
                await slow.answer(0.2)
            publisher.gate.set()
            assert (await slow.answer())[1][1] == "AA"
            other.send(message())
            assert (await other.answer())[1][1] == "AA"

    asyncio.run(run())


def test_a_peer_that_begins_and_falls_silent_is_dropped() -> None:
    async def run() -> None:
        async with serving(FakePublisher(), message_s=0.2, idle_s=5) as connect:
            peer = await connect()
            peer.writer.write(START + b"MSH|")
            assert await peer.ended()

    asyncio.run(run())


def test_a_message_beyond_the_limit_is_refused_by_its_control_id_and_its_beginning_is_kept() -> None:
    async def run() -> None:
        publisher = FakePublisher()
        async with serving(publisher, largest_bytes=10_000) as connect:
            peer = await connect()
            peer.send(message() + b"\rNTE|1||" + b"x" * 3_000_000)
            acknowledgement = (await peer.answer())[1]
            assert acknowledgement[:3] == ["MSA", "AR", "C1"]
            assert "larger than 10000 bytes" in acknowledgement[3]
            (record,) = publisher.records
            assert record.headers[0][0] == REJECTED_HEADER
            assert record.value.startswith(message())
            assert len(record.value) < 20_000
            peer.send(message("A03"))  # the connection lives on
            assert (await peer.answer())[1][:3] == ["MSA", "AA", "C1"]

    asyncio.run(run())


def test_a_message_beyond_the_limit_is_not_answered_before_kafka_has_its_beginning() -> None:
    async def run() -> None:
        publisher = FakePublisher()
        publisher.away = True
        async with serving(publisher, largest_bytes=10_000) as connect:
            peer = await connect()
            peer.send(message() + b"\rNTE|1||" + b"x" * 12_000)
            assert await peer.ended()

    asyncio.run(run())


def test_what_kafka_takes_never_is_an_error_and_its_beginning_is_kept() -> None:
    async def run() -> None:
        publisher = FakePublisher()
        publisher.largest_bytes = 20_000
        async with serving(publisher) as connect:
            peer = await connect()
            raw = message(visit="", more=["NTE|1||" + "x" * 50_000])
            peer.send(raw)
            acknowledgement = (await peer.answer())[1]
            assert acknowledgement[:3] == ["MSA", "AE", "C1"]
            assert acknowledgement[3].startswith("1 of 1 records are larger than Kafka takes")
            (letter,) = publisher.records
            assert letter.value == raw[:16_384] + START
            peer.send(message())
            assert (await peer.answer())[1][1] == "AA"

    asyncio.run(run())


def test_two_messages_in_a_frame_are_both_on_kafka_before_the_one_answer() -> None:
    async def run() -> None:
        publisher = FakePublisher()
        async with serving(publisher) as connect:
            peer = await connect()
            peer.send(message(visit="V1") + b"\r" + message("A03", visit="V2", control_id="C2"))
            assert (await peer.answer())[1][:3] == ["MSA", "AA", "C1"]
            assert [decode_fact(record.value).subject for record in publisher.records] == ["V1", "V2"]
            with pytest.raises(TimeoutError):
                await peer.answer(0.2)

    asyncio.run(run())


def test_a_frame_that_was_cut_is_a_dead_letter_and_the_next_is_read_alone() -> None:
    async def run() -> None:
        publisher = FakePublisher()
        async with serving(publisher) as connect:
            peer = await connect()
            whole = message()
            peer.writer.write(START + whole[: whole.index(b"||DOE")])
            peer.send(message("A03", visit="V2", control_id="C2", patient="18^^^HG^MR"))
            assert (await peer.answer())[1][:3] == ["MSA", "AA", "C2"]
            letter, record = publisher.records
            assert letter.headers[0][0] == REJECTED_HEADER
            assert letter.value == whole[: whole.index(b"||DOE")] + START
            assert decode_fact(record.value).subject == "V2"

    asyncio.run(run())


def test_a_message_that_takes_long_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(raw: bytes, mapping: Hl7Mapping, key: bytes) -> FrameResult:
        if len(raw) > 100_000:
            entered.set()
            assert leave.wait(10)
        return read_frame(raw, mapping, key)

    monkeypatch.setattr("streams.ingest.hl7.mllp.read_frame", slow)

    async def run() -> None:
        async with serving(FakePublisher()) as connect:
            large, other = await connect(), await connect()
            large.send(message() + b"\rNTE|1||" + b"x" * 200_000)
            assert await asyncio.to_thread(entered.wait, 5)
            other.send(message())
            assert (await other.answer())[1][1] == "AA"
            leave.set()
            assert (await large.answer())[1][1] == "AA"

    asyncio.run(run())


def test_an_acknowledgement_is_counted_and_never_answered() -> None:
    async def run() -> None:
        publisher = FakePublisher()
        async with serving(publisher) as connect:
            peer = await connect()
            peer.send(b"MSH|^~\\&|X|Y|WW|HG|20260302102000||ACK^A01|C3|P|2.5\rMSA|AA|C1\r")
            with pytest.raises(TimeoutError):
                await peer.answer(0.2)
            assert publisher.records == []

    asyncio.run(run())


def test_bytes_between_frames_are_ignored_and_messages_may_come_in_one_write() -> None:
    async def run() -> None:
        async with serving(FakePublisher()) as connect:
            peer = await connect()
            peer.writer.write(b"\r\nnoise" + START + message() + END + b"\r" + START + message("A03") + END)
            assert [(await peer.answer())[0][8] for _ in range(2)] == ["ACK^A01^ACK", "ACK^A03^ACK"]

    asyncio.run(run())


def test_no_more_connections_than_allowed() -> None:
    async def run() -> None:
        async with serving(FakePublisher(), most_connections=1) as connect:
            first = await connect()
            first.send(message())
            await first.answer()
            assert await (await connect()).ended()
            first.send(message())
            assert (await first.answer())[1][1] == "AA"

    asyncio.run(run())


def test_over_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip

    async def run() -> None:
        context = ssl.create_default_context(cafile=str(certificate))
        options = {"tls_cert": str(certificate), "tls_key": str(key)}
        async with serving(FakePublisher(), context, **options) as connect:
            peer = await connect()
            peer.send(message())
            assert (await peer.answer())[1][1] == "AA"

    asyncio.run(run())


def test_a_certificate_that_is_not_there_is_said() -> None:
    with pytest.raises(UsageError, match="TLS certificate"):
        MllpOptions(tls_cert="/nowhere.pem").ssl_context()


@pytest.mark.kafka
def test_the_command_acknowledges_only_what_kafka_has(fresh_kafka: KafkaBroker, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "WARDWATCH_KAFKA_BOOTSTRAP_SERVERS": fresh_kafka.bootstrap,
        "WARDWATCH_DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "wardwatch", "ingest", "mllp", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().rpartition(":")[2])

        async def run() -> None:
            peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
            peer.send(message(visit="before"))
            assert (await peer.answer(20))[1][1] == "AA"
            fresh_kafka.kill()
            peer.send(message(visit="between"))
            assert await peer.ended(30)  # no acknowledgement
            fresh_kafka.restart()
            for _ in range(60):
                peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
                peer.send(message(visit="between"))
                try:
                    assert (await peer.answer(30))[1][1] == "AA"
                    break
                except asyncio.IncompleteReadError:
                    await asyncio.sleep(0.5)
            else:
                pytest.fail("the broker is back, and still nothing is acknowledged")

        asyncio.run(run())
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    subjects = {decode_fact(record.value).subject for record in read_all(fresh_kafka.settings, 2)}
    assert subjects >= {"before", "between"}
