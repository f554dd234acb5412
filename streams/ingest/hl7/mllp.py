"""HL7 v2 over MLLP: a message is acknowledged when Kafka has what came of it, and not before.

Each connection answers its messages in order. A peer that is slow, silent or hostile costs one connection and at most
one message of memory; without an answer from Kafka there is no acknowledgement, the connection is closed, and the
sender sends again. What a frame says, and what is answered, is decided in `hl7_frame`.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from schemas.errors import BrokerUnavailable, RecordsTooLarge, UsageError
from schemas.pseudonyms import load_key
from schemas.settings import Settings
from streams.ingest.hl7.acknowledgement import answer
from streams.ingest.hl7.frame import KEPT_BYTES, FrameResult, not_taken, read_frame, too_large
from streams.ingest.hl7.mapping import Hl7Mapping, load_mapping
from streams.ingest.publisher import Publisher

START, END = b"\x0b", b"\x1c\r"
MAX_BYTES = 1_048_576
IDLE_S = 600.0
"""A sender may be silent between messages for this long."""
MESSAGE_S = 30.0
"""A message that was begun must end within this time."""
MAX_CONNECTIONS = 500
INLINE_BYTES = 65_536
"""A larger frame is read in a thread, so that the other peers are answered meanwhile."""
STOP_S = 15.0

log = structlog.get_logger("wardwatch.mllp")


@dataclass(frozen=True, kw_only=True)
class MllpOptions:
    """How to listen. Port 0 takes a free one; `tls_ca` asks senders for a certificate of that authority."""

    host: str = "127.0.0.1"
    port: int = 2575
    largest_bytes: int = MAX_BYTES
    idle_s: float = IDLE_S
    message_s: float = MESSAGE_S
    most_connections: int = MAX_CONNECTIONS
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_ca: str | None = None

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None for plain TCP.

        Raises
        ------
        UsageError
            When a certificate or key cannot be used.
        """
        if not self.tls_cert:
            if self.tls_key or self.tls_ca:
                raise UsageError("--tls-key and --tls-ca need --tls-cert.")
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.tls_cert, self.tls_key)
            if self.tls_ca:
                context.load_verify_locations(self.tls_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"The TLS certificate or key cannot be used: {error}. Name PEM files that can be read."
            ) from None
        return context


class _TooLarge(Exception):
    """A peer sends more than a message may be; with the first of it."""

    def __init__(self, head: bytes) -> None:
        super().__init__()
        self.head = head


class MllpServer:
    """Listens, and puts what comes on Kafka.

    Parameters
    ----------
    options : MllpOptions
        Where and within which limits.
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
        """Listen; returns the port.

        Raises
        ------
        UsageError
            When the port cannot be had.
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
            raise UsageError(
                f"Port {self._options.port} of {self._options.host} cannot be had ({error.strerror}). Choose another."
            ) from None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Take no new messages, answer those under way, and close."""
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
            pass  # the peer is gone, or silent for too long: it sends again what got no answer
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
            rest = False
            try:
                block = await self._next(reader)
                self._busy.add(task)
                result = await self._read(block)
            except _TooLarge as error:
                self._busy.add(task)
                result, rest = too_large(error.head, self._options.largest_bytes), True
            if not await self._take(result, writer):
                return
            self._busy.discard(task)
            if rest:
                async with asyncio.timeout(self._options.message_s):
                    await _skip(reader)
            stopping = self._server is None or not self._server.is_serving()

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        """Return the next message without its frame; what stands between frames is ignored, as MLLP says."""
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
            raise _TooLarge(await reader.read(KEPT_BYTES)) from None
        return block[: -len(END)]

    async def _read(self, block: bytes) -> FrameResult:
        if len(block) > INLINE_BYTES:
            return await asyncio.to_thread(read_frame, block, self._mapping, self._key)
        return read_frame(block, self._mapping, self._key)

    async def _take(self, result: FrameResult, writer: asyncio.StreamWriter) -> bool:
        """Publish what a frame says and answer; False when Kafka did not take it, so that there is no answer."""
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
            log.info("acknowledgements are not read", count=result.ignored)
        if result.answer is not None:
            await self._write(writer, answer(result.header, result.answer, result.reason, datetime.now(UTC)))
        return True

    async def _publish(self, result: FrameResult) -> FrameResult:
        """Put what a frame says on Kafka; what is too large for it leaves its beginning there, and is refused."""
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
    """Read past the end of the frame, and keep none of it."""
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
        await stopped.wait()
        await server.stop()
    finally:
        await publisher.stop()
    return server


def serve_mllp(settings: Settings, options: MllpOptions, on_listening: Callable[[str], None]) -> MllpServer:
    """Listen until SIGTERM or SIGINT; returns the server with its counts.

    Raises
    ------
    UsageError
        When port, certificate or mapping cannot be used.
    BrokerUnavailable
        When no Kafka broker answers at the start.
    """
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_run(settings, options, on_listening))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, options, on_listening))
