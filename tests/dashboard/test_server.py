"""Starting and stopping the dashboard as a process, and the faults of Dash that it mends."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from schemas.database import make_engine
from tests.dashboard.house import Broker, make_database, settings_for
from tests.dashboard.process import DashboardProcess

WATCH = {
    "type": "callback_request",
    "rendererId": "test",
    "requestId": "1",
}


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.stop()


def open_socket(process: DashboardProcess) -> ClientConnection:
    address = f"{process.address.replace('http', 'ws')}/_dash-ws-callback"
    return connect(address, origin=Origin(process.address), open_timeout=5, legacy=True)


def persistent_callback(process: DashboardProcess) -> str:
    with urllib.request.urlopen(f"{process.address}/_dash-dependencies", timeout=10) as answer:
        known: list[dict[str, Any]] = json.load(answer)
    return next(str(callback["output"]) for callback in known if callback.get("persistent"))


def watch(connection: ClientConnection, output: str) -> dict[str, Any]:
    payload = {"output": output, "outputs": [], "inputs": [], "changedPropIds": []}
    connection.send(json.dumps({**WATCH, "payload": payload}))
    return dict(json.loads(connection.recv(timeout=5)))


def test_a_tab_that_comes_back_after_a_restart_is_served_before_any_page_was_loaded(
    tmp_path: Path, broker: Broker
) -> None:
    make_database(tmp_path).dispose()
    settings = settings_for(tmp_path, broker)
    with DashboardProcess(settings) as first:
        output = persistent_callback(first)
    with DashboardProcess(settings) as second, open_socket(second) as connection:
        answer = watch(connection, output)  # the first thing that this process hears
    assert answer["type"] == "set_props"
    push = json.loads(answer["payload"]["props"]["data"])
    assert [unit["card"]["unit_id"] for unit in push["board"]["units"]] == ["ED", "MED", "SUR"]


def test_sigterm_ends_it_with_sockets_open(tmp_path: Path, broker: Broker) -> None:
    make_database(tmp_path).dispose()
    with DashboardProcess(settings_for(tmp_path, broker)) as process:
        output = persistent_callback(process)
        connections = [open_socket(process) for _ in range(3)]
        for connection in connections:
            watch(connection, output)
        code = process.terminate()
        for connection in connections:
            connection.close()
        assert code == 0, process.log
        assert "Traceback" not in process.log


def test_sigterm_ends_it_while_the_broker_is_away(tmp_path: Path, broker: Broker) -> None:
    make_database(tmp_path).dispose()
    broker.stop()
    with DashboardProcess(settings_for(tmp_path, broker)) as process:
        code = process.terminate()
    assert code == 0


def test_health_tells_a_lost_broker_from_a_stopped_worker(tmp_path: Path, broker: Broker) -> None:
    make_database(tmp_path).dispose()
    with DashboardProcess(settings_for(tmp_path, broker)) as process:
        assert wait_for_feed(process, "worker_stopped")["event_time"] == "2026-03-10T12:00:00+00:00"
        broker.start_worker()
        assert wait_for_feed(process, "live")["sign"] == "Live: no event yet"
        broker.stop()
        assert wait_for_feed(process, "broker_lost")["status"] == "ok"


def test_head_is_answered_as_get_without_a_body(tmp_path: Path, broker: Broker) -> None:
    make_database(tmp_path).dispose()
    with DashboardProcess(settings_for(tmp_path, broker)) as process:

        def ask(method: str, path: str) -> tuple[int, str | None, int]:
            request = urllib.request.Request(f"{process.address}{path}", method=method)
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers["content-type"], len(answer.read())

        for path in ("/", "/worklist", "/health", "/assets/icon.svg"):
            status, kind, size = ask("GET", path)
            assert (status, size > 50) == (200, True), path
            assert ask("HEAD", path) == (200, kind, 0), path


def wait_for_feed(process: DashboardProcess, wanted: str) -> dict[str, Any]:
    deadline = time.monotonic() + 15
    while True:
        with urllib.request.urlopen(f"{process.address}/health", timeout=5) as answer:
            health: dict[str, Any] = json.load(answer)
        if health["feed"] == wanted:
            return health
        assert time.monotonic() < deadline, health
        time.sleep(0.1)


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path, broker: Broker) -> None:
    make_database(tmp_path).dispose()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, log = ended_by_itself(settings_for(tmp_path, broker, port=port))
    assert code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in log
    assert "Traceback" not in log


def test_a_database_without_tables_is_one_clear_line(tmp_path: Path, broker: Broker) -> None:
    make_engine(f"sqlite:///{tmp_path / 'wardwatch.db'}").dispose()
    code, log = ended_by_itself(settings_for(tmp_path, broker))
    assert code == 2
    assert "Run `wardwatch db upgrade`" in log


def ended_by_itself(settings: Any) -> tuple[int, str]:
    process = DashboardProcess(settings)
    process.start()
    code = process.wait(30)
    return code, process.log
