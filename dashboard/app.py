"""Wires the dashboard: FastAPI behind the gate, Dash, and the live service."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dash
from dash import Dash
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.middleware.gzip import GZipMiddleware

from dashboard import dash_faults, security, server
from dashboard.components import shell
from dashboard.context import Context, Replay
from dashboard.data.cache import ShortMemory
from dashboard.data.capacity import all_metrics
from dashboard.head import HeadAsGet
from dashboard.live import push
from dashboard.live.hub import Hub
from dashboard.live.service import LiveService
from dashboard.pages import beds, data_quality, dead_letters, not_found, worklist
from schemas.database import existing_engine, pending_migrations
from schemas.errors import UsageError
from schemas.hospital import Hospital, load_hospital
from schemas.settings import Settings

PAGES = (beds, worklist, data_quality, dead_letters, not_found)
WORKLIST_TTL_S = 0.5


def create_app(
    settings: Settings,
    hospital: Hospital,
    engine: Engine,
    *,
    on_failure: Callable[[BaseException], None],
    replay: Replay | None = None,
) -> Dash:
    """Return the dashboard; its `.server` is the ASGI application to run.

    Parameters
    ----------
    settings : Settings
        Where to listen and where the broker is.
    hospital : Hospital
        The hospital file.
    engine : Engine
        The database, at the newest migration.
    on_failure : callable
        Called once, on the event loop, with what made the live service stop; the server should stop then.
    replay : callable or None
        Replays dead letters; None where that is not possible.

    Raises
    ------
    SettingsError
        When `dashboard_host` is not a loopback address.
    """
    security.require_loopback(settings.dashboard_host)
    hub = Hub(hospital, build_id())
    context = Context(settings, hospital, engine, hub, ShortMemory(WORKLIST_TTL_S), replay)
    live = LiveService(hub, settings, partial(all_metrics, engine), on_failure)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await dash_faults.register_callbacks(app)
        await live.start()
        yield
        await live.stop()

    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    api.add_api_route("/health", partial(_health, hub), methods=["GET"])
    app = _dash(api, context)
    api.add_middleware(GZipMiddleware, minimum_size=500)
    policies = _Policies(app)
    api.add_middleware(security.Gate, host=settings.dashboard_host, policy=policies.current)
    api.add_middleware(HeadAsGet)
    return app


def _dash(api: FastAPI, context: Context) -> Dash:
    app = Dash(
        __name__,
        server=api,  # type: ignore[arg-type] # Dash's type hint allows only Flask
        backend="fastapi",
        use_pages=True,
        pages_folder="",
        title="Wardwatch",
        update_title=None,  # type: ignore[arg-type] # the documented way to switch it off
        index_string=shell.INDEX,
        assets_ignore=r"^theme_first\.js$",
        suppress_callback_exceptions=True,
        websocket_batch_delay=0,
        websocket_inactivity_timeout=0,
        enable_mcp=False,
    )
    for page in PAGES:
        page.register(app, context)
    push.register(app, context.hub)
    shell.register(app)
    app.layout = partial(shell.layout, context)
    return app


class _Policies:
    """The Content-Security-Policy, computed again only after Dash has added an inline script."""

    def __init__(self, app: Dash) -> None:
        self._app = app
        self._scripts = -1
        self._policy = ""

    def current(self) -> str:
        scripts = len(self._app._inline_scripts)
        if scripts != self._scripts:
            self._policy = security.content_security_policy(self._app.csp_hashes())
            self._scripts = scripts
        return self._policy


async def _health(hub: Hub) -> dict[str, Any]:
    feed = hub.feed()
    return {
        "status": "ok",
        "build": hub.build,
        "feed": feed.state,
        "sign": f"{feed.title}: {feed.detail}" if feed.detail else feed.title,
        "message_age_s": feed.message_age_s,
        "broker_age_s": feed.broker_age_s,
        "event_time": None if hub.event_time is None else hub.event_time.isoformat(),
        "watchers": hub.watchers,
    }


def build_id() -> str:
    """Return 12 hex digits that differ when the dashboard's code, its assets or Dash itself differ."""
    digest = hashlib.sha256(f"{version('wardwatch')} {dash.__version__}".encode())
    folder = Path(__file__).parent
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".js", ".css", ".svg", ".woff2")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def serve(
    settings: Settings, on_listening: Callable[[str], None], make_replay: Callable[[Engine], Replay] | None = None
) -> None:
    """Serve the dashboard until SIGTERM or Ctrl-C.

    Parameters
    ----------
    settings : Settings
        Where to listen: `dashboard_host` (loopback) and `dashboard_port` (0: a free one).
    on_listening : callable
        Called with the address once browsers can connect.
    make_replay : callable or None
        Returns what replays dead letters from this database.

    Raises
    ------
    UsageError
        When the address is taken or not loopback, or the database lacks its tables.
    """
    security.require_loopback(settings.dashboard_host)
    hospital = load_hospital(settings.hospital_file)
    engine = existing_engine(settings.sql_url)
    if pending_migrations(engine):
        raise UsageError("The database lacks its tables or its newest migration; run `wardwatch db upgrade`.")
    failures: list[BaseException] = []

    def stop(error: BaseException) -> None:
        failures.append(error)
        running.should_exit = True

    replay = make_replay(engine) if make_replay is not None else None
    app = create_app(settings, hospital, engine, on_failure=stop, replay=replay)
    bound = server.bind(settings.dashboard_host, settings.dashboard_port)
    running = server.Server(app.server, lambda: on_listening(server.address_of(bound)))
    server.run(running, bound)
    engine.dispose()
    if failures:
        raise failures[0]
