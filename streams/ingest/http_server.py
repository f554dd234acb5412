"""HTTP server of the interface for facts and FHIR: address, token, start and stop."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from schemas.errors import SettingsError, UsageError
from schemas.pseudonyms import load_key
from schemas.settings import Settings
from streams.ingest.fhir.mapping import load_options
from streams.ingest.http import build
from streams.ingest.publisher import Publisher

MAX_CONNECTIONS = 200
STOP_S = 3
"""Seconds in which requests under way are answered when the server stops; senders without an answer retry."""


def require_token(host: str, token: str) -> None:
    """Refuse to listen without a token where other machines can connect.

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
            f"WARDWATCH_INGEST_TOKEN: missing or short, and other machines can connect to {host}. "
            "Set a token of 16 characters or more, or listen on 127.0.0.1."
        )


def serve_http(settings: Settings, port: int, on_listening: Callable[[str], None]) -> None:
    """Listen until SIGTERM or SIGINT.

    Parameters
    ----------
    settings : Settings
        `ingest_host` is the address to listen on, `ingest_token` what senders must show.
    port : int
        0 takes a free one.
    on_listening : callable
        Called with the address once senders can connect.

    Raises
    ------
    UsageError
        When the port is not available, or other machines could connect without a token.
    BrokerUnavailable
        When no Kafka broker answers at the start.
    """
    host = settings.ingest_host
    require_token(host, settings.ingest_token)
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
        async with publisher.heart("http").beating():
            await server.serve(sockets=[listening])
    finally:
        await publisher.stop()


class _Server(uvicorn.Server):
    """Calls `on_listening` once it listens, and leaves signals to `_serve`."""

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
        raise UsageError(f"Port {port} of {host} is not available ({error.strerror}). Choose another.") from None
    return bound
