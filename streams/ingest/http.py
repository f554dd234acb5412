"""Facts and FHIR over HTTP: 202 is answered once the facts of a request are on Kafka, never before.

A request is read as a whole, so one that is too large, too slow or unauthorised costs one connection. Bodies are never
logged, and no answer quotes one.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from schemas.errors import BrokerUnavailable, RecordsTooLarge, RequestRefused
from schemas.kafka import wait_for_broker
from schemas.outgoing import Outgoing
from schemas.settings import Settings
from streams.ingest.bounded_threads import BoundedThreads
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.formats import Feeds
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.ingest.http_bodies import Body, read_encounter, read_facts, read_fhir

MAX_BYTES = 8 * 1024 * 1024
"""Per body."""
BODY_S = 30.0
"""Longest time that a body may take to arrive."""
BROKER_CHECK_S = 2.0
"""Seconds for which /ready repeats its last answer about Kafka."""

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
    """Publishes records, as `Publisher` does."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once Kafka has all of the records; raises as `Publisher.publish`."""


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
        Address of Kafka, and the token that senders must show, if any.
    publisher : Sink
        Started by the caller.
    pseudonym_key : bytes
        For patient tokens.
    options : FhirOptions or None
        Of the FHIR feed; None for the defaults of the standard.
    largest_bytes : int
        The largest body accepted.
    find_broker : callable or None
        Raises BrokerUnavailable when Kafka does not answer; None asks the brokers of the settings.
    """
    find = find_broker or (lambda: wait_for_broker(settings, timeout_s=0))
    feeds = Feeds(Hl7Mapping(), options or FhirOptions(), pseudonym_key)
    interface = _Interface(publisher, feeds, settings.ingest_token, largest_bytes, _Broker(find))
    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    api.add_api_route("/facts", interface.post_facts, methods=["POST"], response_model=None)
    api.add_api_route("/fhir", interface.post_fhir, methods=["POST"], response_model=None)
    api.add_api_route("/fhir/Encounter", interface.post_fhir, methods=["POST"], response_model=None)
    api.add_api_route("/fhir/Encounter/{logical_id}", interface.put_encounter, methods=["PUT"], response_model=None)
    api.add_api_route("/ready", interface.get_ready, methods=["GET"], response_model=None)
    return api


class _Broker:
    """Checks whether Kafka answers, at most once in `BROKER_CHECK_S`."""

    def __init__(self, find: Callable[[], None]) -> None:
        self._find = find
        self._asked_at = float("-inf")
        self._answers = False
        self._lock = asyncio.Lock()

    async def answers(self) -> bool:
        async with self._lock:
            if time.monotonic() - self._asked_at >= BROKER_CHECK_S:
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

    def __init__(self, publisher: Sink, feeds: Feeds, token: str, largest_bytes: int, broker: _Broker) -> None:
        self._publisher, self._feeds = publisher, feeds
        self._token, self._largest_bytes, self._broker = token, largest_bytes, broker
        self._threads = BoundedThreads()

    async def get_ready(self) -> JSONResponse:
        """Answer whether Kafka is available."""
        ready = await self._broker.answers()
        return JSONResponse({"ready": ready}, status_code=200 if ready else 503)

    async def post_facts(self, request: Request) -> JSONResponse:
        """Publish one fact, a list of facts, or one fact a line."""
        return await self._take(
            request, JSON | LINES, lambda body, kind: read_facts(body, self._feeds, lines=kind in LINES)
        )

    async def post_fhir(self, request: Request) -> JSONResponse:
        """Publish an Encounter or a Bundle, or answer a subscription's handshake."""
        return await self._take(request, JSON, lambda body, _: read_fhir(body, self._feeds))

    async def put_encounter(self, request: Request, logical_id: str) -> JSONResponse:
        """Publish a version of an Encounter."""

        def read(body: bytes, _: str) -> Body:
            return read_encounter(body, logical_id, self._feeds)

        return await self._take(request, JSON, read)

    async def _take(self, request: Request, kinds: frozenset[str], read: Callable[[bytes, str], Body]) -> JSONResponse:
        endpoint = request.scope["route"].path
        try:
            self._authorise(request)
            kind = _kind(request, kinds)
            body = await _body(request, self._largest_bytes)
        except RequestRefused as refusal:
            log.warning("refused", endpoint=endpoint, status=refusal.http_status, reason=str(refusal))
            headers = {"WWW-Authenticate": "Bearer"} if refusal.http_status == 401 else {}
            return JSONResponse({"error": str(refusal)}, status_code=refusal.http_status, headers=headers)
        done = await self._threads.run(len(body), lambda: read(body, kind))
        try:
            if done.records:
                await self._publisher.publish(done.records)
        except RecordsTooLarge as error:
            done = done.without(error.positions)
        except BrokerUnavailable as error:
            log.error("a request was not published", endpoint=endpoint, reason=str(error))
            return JSONResponse({"error": str(error)}, status_code=error.http_status, headers={"Retry-After": "5"})
        if done.errors:
            log.warning("invalid input", endpoint=endpoint, errors=len(done.errors))
        return _answer(done)

    def _authorise(self, request: Request) -> None:
        """Refuse requests without the token, and those of web pages, which always have an Origin header."""
        if "origin" in request.headers:
            raise RequestRefused(
                403, "Requests with an Origin header, as of web pages, are refused. Send from a program."
            )
        shown = request.headers.get("authorization", "")
        if self._token and not hmac.compare_digest(shown.encode(), f"Bearer {self._token}".encode()):
            raise RequestRefused(401, "Send the header Authorization: Bearer with the token of WARDWATCH_INGEST_TOKEN.")


def _answer(done: Body) -> JSONResponse:
    """Return 202 for all, 207 for some, 422 for none; 200 to a handshake, which publishes nothing."""
    content: dict[str, Any] = {"published": len(done.records), "errors": done.errors}
    if done.notification is not None:
        content["notification"] = done.notification
    if done.warnings:
        content["warnings"] = list(done.warnings)
    if done.errors:
        status = 207 if done.records else 422
    elif done.notification is not None and not done.records:
        status = 200
    else:
        status = 202
    return JSONResponse(content, status_code=status)


def _kind(request: Request, kinds: frozenset[str]) -> str:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RequestRefused(415, "Content-Encoding: compressed bodies are not supported. Send the body without it.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise RequestRefused(415, f"Content-Type: missing or unsupported. Send one of {', '.join(sorted(kinds))}.")
    return kind


async def _body(request: Request, largest_bytes: int) -> bytes:
    too_large = RequestRefused(413, f"The body is larger than {largest_bytes} bytes. Send less at a time.")
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
        raise RequestRefused(400, "The connection was closed before the body was complete. Send it again.") from None
    except TimeoutError:
        raise RequestRefused(408, f"The body took longer than {BODY_S:.0f} s. Send less at a time.") from None
    return bytes(body)
