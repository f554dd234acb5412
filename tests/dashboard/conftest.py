from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import Engine

from tests.dashboard.house import Broker, make_database, settings_for
from tests.dashboard.process import DashboardProcess
from tests.support.parts import CHROMIUM_ARGUMENTS

PATIENCE_MS = 20_000
"""How long tests wait for a state: not how long it takes, but how slow a busy machine may be."""


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """Wait longer than Playwright's 5 s for a state; none of these tests is about time."""
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=5_000)


class House(NamedTuple):
    """A running dashboard and what it reads from."""

    address: str
    broker: Broker
    engine: Engine
    process: DashboardProcess


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One dashboard for all tests that do not stop it. Tests share its state: each minds its own beds and alerts."""
    folder = tmp_path_factory.mktemp("house")
    broker = Broker()
    broker.start_worker()
    engine = make_database(folder)
    with DashboardProcess(settings_for(folder, broker)) as process:
        yield House(process.address, broker, engine, process)
    engine.dispose()
    broker.stop()


@pytest.fixture(scope="module")
def browser(chromium_path: Path) -> Iterator[Browser]:
    """A browser for one module: while Playwright is open its event loop runs, and no other test can run one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One profile for a module: its cache spares each test the two megabytes of a first load."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of 1440 by 900 in which any error fails the test."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    page.close()
    assert errors == []
