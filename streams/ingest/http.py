"""Facts and FHIR over HTTP: an answer of 202 means that Kafka has what came of the request, and not before.

A request is read as a whole, so one that is too large, too slow or none of ours costs one connection. Bodies are never
logged, and no answer repeats one.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from schemas.errors import BrokerUnavailable, RecordsTooLarge, RequestRefused, SettingsError, UsageError
from schemas.kafka import wait_for_broker
from schemas.outgoing import Outgoing
from schemas.pseudonyms import load_key
from schemas.settings import Settings
from streams.ingest.bounded_threads import Lanes
from streams.ingest.fhir.mapping import FhirOptions, load_options
from streams.ingest.http_bodies import Body, read_encounter, read_facts, read_fhir
from streams.ingest.publisher import Publisher

MAX_BYTES = 8 * 1024 * 1024
BODY_S = 30.0
"""A body must have come within this time."""
MAX_CONNECTIONS = 200
ASK_AGAIN_S = 2.0
"""How long an answer to /ready about Kafka holds."""
STOP_S = 3
"""What is under way is answered until then; who got no answer sends again."""

LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
JSON = frozenset(
    {
        "application/json",
        "application/fhir+json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
    }
)

log = structlog.get_logger("wardwatch.http")


class Sink(Protocol):
    """What a `Publisher` does for this interface."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once Kafka has all of the records; raises what `Publisher.publish` raises."""


def build(
    settings: Settings,
    publisher: Sink,
    pseudonym_key: bytes,
    *,
    options: FhirOptions | None = None,
    largest_bytes: int = MAX_BYTES,
    find_broker: Callable[[], None] | None = None,
) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    settings : Settings
        Where Kafka is, and the token that senders must show, if any.
    publisher : Sink
        Started by the caller.
    pseudonym_key : bytes
        For patient tokens.
    options : FhirOptions or None
        Of the FHIR feed; None for what the standard says.
    largest_bytes : int
        The largest body taken.
    find_broker : callable or None
        Raises BrokerUnavailable when Kafka does not answer; None asks the brokers of the settings.
    """
    find = find_broker or (lambda: wait_for_broker(settings, timeout_s=0))
    interface = _Interface(
        publisher, pseudonym_key, options or FhirOptions(), _token(settings), largest_bytes, _Broker(find)
    )
    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    api.add_api_route("/facts", interface.post_facts, methods=["POST"], response_model=None)
    api.add_api_route("/fhir", interface.post_fhir, methods=["POST"], response_model=None)
    api.add_api_route("/fhir/Encounter", interface.post_fhir, methods=["POST"], response_model=None)
    api.add_api_route("/fhir/Encounter/{logical_id}", interface.put_encounter, methods=["PUT"], response_model=None)
    api.add_api_route("/ready", interface.get_ready, methods=["GET"], response_model=None)
    return api


class _Broker:
    """Whether Kafka answers, asked at most once in `ASK_AGAIN_S`."""

    def __init__(self, find: Callable[[], None]) -> None:
        self._find = find
        self._asked_at = float("-inf")
        self._answers = False
        self._lock = asyncio.Lock()

    async def answers(self) -> bool:
        async with self._lock:
            if time.monotonic() - self._asked_at >= ASK_AGAIN_S:
                try:
                    await asyncio.to_thread(self._find)
                except BrokerUnavailable:
                    self._answers = False
                else:
                    self._answers = True
                self._asked_at = time.monotonic()
            return self._answers


class _Interface:
    """The endpoints."""

    def __init__(
        self,
        publisher: Sink,
        pseudonym_key: bytes,
        options: FhirOptions,
        token: str,
        largest_bytes: int,
        broker: _Broker,
    ) -> None:
        self._publisher, self._key, self._options = publisher, pseudonym_key, options
        self._token, self._largest_bytes, self._broker = token, largest_bytes, broker
        self._lanes = Lanes()

    async def get_ready(self) -> JSONResponse:
        """Say whether Kafka is there."""
        there = await self._broker.answers()
        return JSONResponse({"ready": there}, status_code=200 if there else 503)

    async def post_facts(self, request: Request) -> JSONResponse:
        """Take one fact, a list of facts, or one fact a line."""
        return await self._take(request, JSON | LINES, lambda body, kind: read_facts(body, lines=kind in LINES))

    async def post_fhir(self, request: Request) -> JSONResponse:
        """Take an Encounter, a Bundle, or a subscription's handshake."""
        return await self._take(request, JSON, lambda body, _: read_fhir(body, self._options, self._key))

    async def put_encounter(self, request: Request, logical_id: str) -> JSONResponse:
        """Take a version of an Encounter."""

        def read(body: bytes, _: str) -> Body:
            return read_encounter(body, logical_id, self._options, self._key)

        return await self._take(request, JSON, read)

    async def _take(self, request: Request, kinds: frozenset[str], read: Callable[[bytes, str], Body]) -> JSONResponse:
        endpoint = request.scope["route"].path
        try:
            self._let_in(request)
            kind = _kind(request, kinds)
            body = await _body(request, self._largest_bytes)
        except RequestRefused as refusal:
            log.warning("refused", endpoint=endpoint, status=refusal.http_status, reason=str(refusal))
            headers = {"WWW-Authenticate": "Bearer"} if refusal.http_status == 401 else {}
            return JSONResponse({"error": str(refusal)}, status_code=refusal.http_status, headers=headers)
        done = await self._lanes.run(len(body), lambda: read(body, kind))
        try:
            if done.records:
                await self._publisher.publish(done.records)
        except RecordsTooLarge as error:
            done = done.without(error.positions)
        except BrokerUnavailable as error:
            log.error("a request was not published", endpoint=endpoint, reason=str(error))
            return JSONResponse({"error": str(error)}, status_code=error.http_status, headers={"Retry-After": "5"})
        if done.errors:
            log.warning("not all could be used", endpoint=endpoint, errors=len(done.errors))
        return _answer(done)

    def _let_in(self, request: Request) -> None:
        """Refuse whoever does not show the token; and web pages, whose browser always says where they come from."""
        if "origin" in request.headers:
            raise RequestRefused(403, "Web pages may not send here; send from a program.")
        shown = request.headers.get("authorization", "")
        if self._token and not hmac.compare_digest(shown.encode(), f"Bearer {self._token}".encode()):
            raise RequestRefused(401, "Send the header Authorization: Bearer with the token of WARDWATCH_INGEST_TOKEN.")


def _answer(done: Body) -> JSONResponse:
    """Return 202 for all, 207 for some, 422 for none; 200 to a handshake, which publishes nothing."""
    content: dict[str, Any] = {"published": len(done.records), "errors": done.errors}
    if done.notification is not None:
        content["notification"] = done.notification
    if done.errors:
        status = 207 if done.records else 422
    elif done.notification is not None and not done.records:
        status = 200
    else:
        status = 202
    return JSONResponse(content, status_code=status)


def _kind(request: Request, kinds: frozenset[str]) -> str:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestRefused(415, "Compressed bodies are not read; send it without Content-Encoding.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise RequestRefused(415, f"Content-Type must be one of {', '.join(sorted(kinds))}.")
    return kind


async def _body(request: Request, largest_bytes: int) -> bytes:
    too_large = RequestRefused(413, f"The body is larger than {largest_bytes} bytes; send less at a time.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > largest_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest_bytes:
                    raise too_large
    except ClientDisconnect:
        raise RequestRefused(400, "The sender left before its body had come.") from None
    except TimeoutError:
        raise RequestRefused(408, f"The body did not come within {BODY_S:.0f} s.") from None
    return bytes(body)


def _token(settings: Settings) -> str:
    return settings.ingest_token


def require_token(host: str, token: str) -> None:
    """Refuse to listen where others could reach it without a token.

    Raises
    ------
    SettingsError
        When `host` is not a loopback address and the token is empty or short.
    """
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and len(token) < 16:
        raise SettingsError(
            f"WARDWATCH_INGEST_TOKEN: {host} can be reached from other machines. "
            "Set a token of 16 characters or more, or listen on 127.0.0.1."
        )


def serve_http(settings: Settings, port: int, on_listening: Callable[[str], None]) -> None:
    """Listen until SIGTERM or SIGINT.

    Parameters
    ----------
    settings : Settings
        `ingest_host` says where to listen, `ingest_token` what senders must show.
    port : int
        0 takes a free one.
    on_listening : callable
        Called with the address once senders can connect.

    Raises
    ------
    UsageError
        When the port cannot be had, or others could reach it without a token.
    BrokerUnavailable
        When no Kafka broker answers at the start.
    """
    host = settings.ingest_host
    require_token(host, _token(settings))
    key, options = load_key(settings), load_options(settings.fhir_mapping_file)
    with _bound(host, port) as listening:
        publisher = Publisher(settings)
        config = uvicorn.Config(
            build(settings, publisher, key, options=options),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            ws="none",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=STOP_S,
        )
        at = listening.getsockname()[1]
        address = f"http://[{host}]:{at}" if ":" in host else f"http://{host}:{at}"
        server = _Server(config, lambda: on_listening(address))
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_serve(server, publisher, listening))


async def _serve(server: _Server, publisher: Publisher, listening: socket.socket) -> None:
    await publisher.start()
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        await server.serve(sockets=[listening])
    finally:
        await publisher.stop()


class _Server(uvicorn.Server):
    """Says when it listens, and leaves signals to `_serve`."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_listening()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise UsageError(f"Port {port} of {host} cannot be had ({error.strerror}). Choose another.") from None
    return bound
