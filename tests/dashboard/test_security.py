"""Who may talk to the dashboard, through real sockets."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from dashboard.app import create_app
from dashboard.security import require_loopback
from schemas.database import make_engine
from schemas.errors import SettingsError
from schemas.settings import load_settings
from tests.dashboard.builders import hospital
from tests.dashboard.conftest import House

PAGES = ("/", "/worklist", "/_dash-layout", "/_dash-dependencies", "/health", "/assets/icon.svg")


def ask(
    house: House, method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    place = urlsplit(house.address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def callback(house: House, **headers: str) -> int:
    body = json.dumps(
        {
            "output": "live.data",
            "outputs": {"id": "live", "property": "data"},
            "inputs": [{"id": "resync", "property": "data", "value": 1}],
            "changedPropIds": ["resync.data"],
        }
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(house, "POST", "/_dash-update-component", {"Content-Type": "application/json", **named}, body)[0]


@pytest.mark.parametrize("path", PAGES)
def test_another_sites_name_that_points_here_is_refused(house: House, path: str) -> None:
    status, _, body = ask(house, "GET", path, {"Host": "evil.example"})
    assert status == 403
    assert b"Host: not a name of this dashboard" in body


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_every_name_of_this_machine_is_let_in(house: House, name: str) -> None:
    assert ask(house, "GET", "/health", {"Host": f"{name}:{house.process.port}"})[0] == 200


@pytest.mark.parametrize(
    "host", ["", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "localhost@evil.example"]
)
def test_a_malformed_or_lookalike_host_is_refused(house: House, host: str) -> None:
    assert ask(house, "GET", "/health", {"Host": host})[0] in (400, 403)


def test_a_callback_from_the_dashboards_own_page_is_answered(house: House) -> None:
    assert callback(house, Origin=house.address) == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1", "file://", ""]
)
def test_a_callback_from_a_foreign_page_is_refused(house: House, origin: str) -> None:
    assert callback(house, Origin=origin) == 403


def test_a_callback_that_does_not_say_where_it_comes_from_is_refused(house: House) -> None:
    assert callback(house) == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", None])
def test_a_websocket_from_a_foreign_page_is_refused(house: House, origin: str | None) -> None:
    address = f"{house.address.replace('http', 'ws')}/_dash-ws-callback"
    with pytest.raises(InvalidStatus) as refused:
        connect(address, origin=None if origin is None else Origin(origin), open_timeout=5, legacy=True)
    assert refused.value.response.status_code == 403


def test_a_websocket_of_the_dashboards_own_page_is_let_in(house: House) -> None:
    address = f"{house.address.replace('http', 'ws')}/_dash-ws-callback"
    with connect(address, origin=Origin(house.address), open_timeout=5, legacy=True) as socket:
        socket.send(json.dumps({"type": "heartbeat"}))
        assert json.loads(socket.recv(timeout=5)) == {"type": "heartbeat_ack"}


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_carries_the_security_headers(house: House, path: str) -> None:
    status, headers, _ = ask(house, "GET", path)
    assert status == 200
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'self'" in policy
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in script
    assert "http" not in script


def test_refusals_carry_the_security_headers_too(house: House) -> None:
    assert ask(house, "GET", "/", {"Host": "evil.example"})[1]["x-content-type-options"] == "nosniff"


def test_the_page_itself_is_never_cached_so_that_a_new_version_is_loaded(house: House) -> None:
    assert ask(house, "GET", "/worklist")[1]["cache-control"] == "no-store"


def test_answers_are_compressed(house: House) -> None:
    assert ask(house, "GET", "/", {"Accept-Encoding": "gzip"})[1]["content-encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc", "/mcp", "/_mcp"])
def test_there_is_no_interface_besides_the_pages(house: House, path: str) -> None:
    _, headers, body = ask(house, "GET", path)
    assert headers["content-type"].startswith("text/html")  # any unknown address shows the shell of the pages
    assert b"swagger" not in body.lower()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_an_address_that_others_can_reach_is_refused_before_there_is_sign_in(host: str) -> None:
    with pytest.raises(SettingsError, match="no sign-in yet"):
        require_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_loopback_addresses_are_taken(host: str) -> None:
    require_loopback(host)


def test_the_app_cannot_be_made_for_an_address_that_others_can_reach(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(SettingsError, match=r"WARDWATCH_DASHBOARD_HOST: 0\.0\.0\.0"):
        create_app(load_settings(dashboard_host="0.0.0.0"), hospital(), engine, on_failure=print)
    engine.dispose()
