"""HL7 v2 over MLLP: a message is acknowledged once its facts are on Kafka, never before.

Each connection acknowledges its messages in order. A slow, silent or hostile sender costs one connection and the memory
of at most one message. Without an answer from Kafka there is no acknowledgement, the connection is closed, and the
sender retries. `streams.ingest.hl7.frame` reads the frames and decides on the acknowledgement.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from schemas.errors import BrokerUnavailable, RecordsTooLarge, UsageError
from schemas.pseudonyms import load_key
from schemas.settings import Settings
from streams.ingest.hl7.acknowledgement import answer
from streams.ingest.hl7.frame import KEPT_BYTES, FrameResult, not_taken, read_frame, too_large
from streams.ingest.hl7.mapping import Hl7Mapping, load_mapping
from streams.ingest.hl7.mllp_options import MllpOptions
from streams.ingest.publisher import Publisher

START, END = b"\x0b", b"\x1c\r"
INLINE_BYTES = 65_536
"""Larger frames are read in a thread, so that other senders are not delayed."""
STOP_S = 15.0
"""Longest time that the server takes to acknowledge the messages under way when it stops."""

log = structlog.get_logger("wardwatch.mllp")


class _Block(NamedTuple):
    """Bytes of one frame without its start and end; only the first of them where it is too large."""

    raw: bytes
    is_whole: bool = True


class MllpServer:
    """Listens for messages and puts their facts on Kafka.

    Parameters
    ----------
    options : MllpOptions
        Address, limits and TLS.
    publisher : Publisher
        Started by the caller.
    mapping : Hl7Mapping
        Of the feed.
    pseudonym_key : bytes
        For patient tokens.
    """

    def __init__(self, options: MllpOptions, publisher: Publisher, mapping: Hl7Mapping, pseudonym_key: bytes) -> None:
        self._options, self._publisher, self._mapping, self._key = options, publisher, mapping, pseudonym_key
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self.acknowledged = 0
        self.rejected = 0
        self.unanswered = 0
        self.ignored = 0

    async def start(self) -> int:
        """Start to listen, and return the port.

        Raises
        ------
        UsageError
            When the port is not available.
        """
        try:
            self._server = await asyncio.start_server(
                self._serve,
                self._options.host,
                self._options.port,
                limit=self._options.largest_bytes,
                ssl=self._options.ssl_context(),
            )
        except OSError as error:
            where = f"Port {self._options.port} of {self._options.host}"
            raise UsageError(f"{where} is not available ({error.strerror}). Choose another.") from None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Take no new messages, acknowledge those under way, and close all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._connections - self._busy:
            task.cancel()
        if self._busy:
            await asyncio.wait(self._busy, timeout=STOP_S)
        for task in set(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= self._options.most_connections:
            log.warning("connection refused", reason=f"{self._options.most_connections} are open")
            writer.close()
            return
        self._connections.add(task)
        try:
            await self._answer_all(reader, writer, task)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the sender left, or was silent for too long: it retries what was not acknowledged
        except asyncio.CancelledError:
            pass  # the server stops
        finally:
            self._connections.discard(task)
            self._busy.discard(task)
            writer.close()

    async def _answer_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        stopping = self._server is None
        while not stopping:
            block = await self._next(reader)
            self._busy.add(task)
            if not await self._take(await self._read(block), writer):
                return
            self._busy.discard(task)
            if not block.is_whole:
                async with asyncio.timeout(self._options.message_s):
                    await _skip(reader)
            stopping = self._server is None or not self._server.is_serving()

    async def _next(self, reader: asyncio.StreamReader) -> _Block:
        """Return the next frame; bytes between frames are ignored, as MLLP says."""
        first = b""
        while first != START:
            async with asyncio.timeout(self._options.idle_s):
                first = await reader.read(1)
            if not first:
                raise ConnectionResetError
        try:
            async with asyncio.timeout(self._options.message_s):
                block = await reader.readuntil(END)
        except asyncio.LimitOverrunError:
            return _Block(await reader.read(KEPT_BYTES), is_whole=False)
        return _Block(block[: -len(END)])

    async def _read(self, block: _Block) -> FrameResult:
        if not block.is_whole:
            return too_large(block.raw, self._options.largest_bytes)
        if len(block.raw) > INLINE_BYTES:
            return await asyncio.to_thread(read_frame, block.raw, self._mapping, self._key)
        return read_frame(block.raw, self._mapping, self._key)

    async def _take(self, result: FrameResult, writer: asyncio.StreamWriter) -> bool:
        """Publish a frame's records and acknowledge it; return False where Kafka is unavailable and nothing is sent."""
        try:
            result = await self._publish(result)
        except (BrokerUnavailable, RecordsTooLarge) as error:
            self.unanswered += 1
            log.error("a message was not acknowledged", reason=str(error))
            return False
        self.acknowledged += result.accepted
        self.rejected += result.rejected
        if result.ignored:
            self.ignored += result.ignored
            log.info("acknowledgements ignored", count=result.ignored)
        if result.answer is not None:
            await self._write(writer, answer(result.header, result.answer, result.reason, datetime.now(UTC)))
        return True

    async def _publish(self, result: FrameResult) -> FrameResult:
        """Publish a frame's records; where one is too large, only the first bytes of the frame, as an error."""
        try:
            await self._publisher.publish(result.records)
        except RecordsTooLarge as error:
            result = not_taken(result, str(error))
            await self._publisher.publish(result.records)
        return result

    async def _write(self, writer: asyncio.StreamWriter, block: bytes | None) -> None:
        if block is not None:
            writer.write(START + block + END)
            async with asyncio.timeout(self._options.message_s):
                await writer.drain()


async def _skip(reader: asyncio.StreamReader) -> None:
    """Read to the end of the frame and discard it."""
    while True:
        try:
            await reader.readuntil(END)
        except asyncio.LimitOverrunError as error:
            await reader.readexactly(error.consumed)
        else:
            return


async def _run(settings: Settings, options: MllpOptions, on_listening: Callable[[str], None]) -> MllpServer:
    publisher = Publisher(settings)
    server = MllpServer(options, publisher, load_mapping(settings.hl7_mapping_file), load_key(settings))
    options.ssl_context()
    await publisher.start()
    try:
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        port = await server.start()
        on_listening(f"{options.host}:{port}")
        async with publisher.heart("mllp").beating():
            await stopped.wait()
            await server.stop()
    finally:
        await publisher.stop()
    return server


def serve_mllp(settings: Settings, options: MllpOptions, on_listening: Callable[[str], None]) -> MllpServer:
    """Listen until SIGTERM or SIGINT, and return the server with its counts.

    Raises
    ------
    UsageError
        When the port is not available, or a certificate or the mapping is invalid.
    BrokerUnavailable
        When no Kafka broker answers at the start.
    """
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_run(settings, options, on_listening))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, options, on_listening))
