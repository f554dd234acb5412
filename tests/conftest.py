"""Real parts as fixtures. Tests that need a part this machine lacks are left out, and that is said aloud."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine

from schemas.database import make_engine, upgrade
from schemas.settings import Settings, load_settings
from streams.worker.embedded_broker import EmbeddedBroker
from tests.support.kafka import KafkaBroker
from tests.support.parts import PARTS, Part, chromium, in_ci
from tests.support.postgres import PostgresServer

MakeSettings = Callable[..., Settings]

# Before any test module is read: its own settings build on the profile. See tests/support/explore.py for `explore`.
hypothesis_settings.register_profile("repeatable", derandomize=True, print_blob=True)
hypothesis_settings.register_profile("explore", derandomize=False, print_blob=True)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

_left_out = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    # As the command line does. kafka-python formats a transport that another thread is closing, and pytest, unlike
    # logging itself, makes an error of that.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    config.stash[_left_out] = []
    for part in PARTS:
        config.addinivalue_line("markers", f"{part.marker}: needs {part.what}")
    config.addinivalue_line("markers", "slow: takes more than five seconds")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with the parts its fixtures need, and leave out those whose part is missing. The slow go first.

    A long file that begins last would keep one of several processes busy after the others have ended.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for part in PARTS:
        needing = [item for item in items if _needs(item, part)]
        for item in needing:
            item.add_marker(part.marker)
        lack = part.lacks() if needing else ""
        if not lack:
            continue
        said = f"{len(needing)} tests need {part.what}, and {lack}: {part.remedy}."
        if in_ci():
            pytest.exit(f"CI is set, so no test may be left out. {said}", returncode=1)
        config.stash[_left_out].append(f"LEFT OUT: {said}")
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]


def _needs(item: pytest.Item, part: Part) -> bool:
    return item.get_closest_marker(part.marker) is not None or bool(
        part.fixtures.intersection(getattr(item, "fixturenames", ()))
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In one of several processes: tell the first one what was left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash[_left_out]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In the first of several processes: hear what was left out; each of the others has collected the same tests."""
    node.config.stash[_left_out] = getattr(node, "workeroutput", {}).get("left_out", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_left_out]:
        terminalreporter.write_line(line, yellow=True, bold=True)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_the_person_at_the_keyboard() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WARDWATCH_")]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _logs_of_this_test_only() -> Iterator[None]:
    """Undo what a command run in this process set up: its log would go to a stream that pytest has closed."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaBroker]:
    """One real broker for all tests; what others left in it is still there. See `fresh_kafka`."""
    with KafkaBroker() as broker:
        yield broker


@pytest.fixture
def fresh_kafka(kafka: KafkaBroker) -> KafkaBroker:
    """The real broker, running, its topics empty."""
    kafka.clear()
    return kafka


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """An embedded development broker of the test's own."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest, settings: MakeSettings) -> Settings:
    """Settings of an empty broker, the embedded one and the real one, and of a data directory of the test's own."""
    if request.param == "kafka":
        real: KafkaBroker = request.getfixturevalue("fresh_kafka")
        return settings(kafka_bootstrap_servers=real.bootstrap)
    embedded: EmbeddedBroker = request.getfixturevalue("embedded_broker")
    return settings(kafka_bootstrap_servers=embedded.bootstrap, kafka_embedded=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One real PostgreSQL for all tests."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database of the test's own, empty, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'wardwatch.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    if not server.is_running:
        server.start()
    return server.new_database()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database of the test's own with all tables, on each engine."""
    engine = make_engine(database_url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def settings(tmp_path: Path) -> MakeSettings:
    """Make settings whose data directory is the test's own; each argument sets one."""

    def make(**overrides: object) -> Settings:
        return load_settings(**{"data_dir": tmp_path, "log_level": "warning", **overrides})

    return make


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The browser, for Playwright's `executable_path`."""
    found = chromium()
    assert found is not None, "tests without a browser are left out before they start"
    return found
