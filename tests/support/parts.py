"""Real parts for the tests that this machine has, and how to get the others.

A test declares by a marker or a fixture which part it needs. `python -m tests.support.parts` lists them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import sync_playwright

from tests.support import jars

JAVA_AT_LEAST = 17
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Arguments for a browser that contacts only the page under test."""


class Part(NamedTuple):
    """A program outside the Python environment."""

    marker: str
    fixtures: frozenset[str]
    what: str
    remedy: str
    lacks: Callable[[], str]
    """Return what is missing; empty if nothing is."""


def in_ci(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a build server runs this: there, a missing part is a failure."""
    return environment.get("CI", "").lower() not in {"", "0", "false"}


@cache
def chromium() -> Path | None:
    """Return the browser: the system's Chromium or Chrome, else the one that Playwright has fetched."""
    for name in _CHROMIUMS:
        found = shutil.which(name)
        if found:
            return Path(found)
    with sync_playwright() as playwright:
        fetched = Path(playwright.chromium.executable_path)
    return fetched if fetched.exists() else None


@cache
def _kafka_lacks() -> str:
    java = shutil.which("java")
    if java is None:
        return "Java is missing"
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', output)
    if version is None or int(version[1]) < JAVA_AT_LEAST:
        return f"Java is older than {JAVA_AT_LEAST}"
    if not jars.are_here() and shutil.which("mvn") is None:
        return "Maven is missing"
    return ""


def _browser_lacks() -> str:
    return "" if chromium() else "Chromium is missing"


PARTS = (
    Part(
        "kafka",
        frozenset({"kafka", "fresh_kafka"}),
        "a real Kafka broker",
        "install Java 17 and Maven (Debian: apt-get install openjdk-17-jre-headless maven)",
        _kafka_lacks,
    ),
    Part(
        "browser",
        frozenset({"chromium_path"}),
        "a browser",
        "install Chromium (Debian: apt-get install chromium; elsewhere: .venv/bin/playwright install chromium)",
        _browser_lacks,
    ),
)


def main() -> int:
    """Print the parts that are there, and fetch the Kafka broker if it can run.

    Returns
    -------
    int
        Exit code: 1 on a build server when a part is missing or the broker cannot be fetched, else 0.
    """
    missing = 0
    for part in PARTS:
        lack = part.lacks()
        missing += bool(lack)
        print(f"{part.marker}: {lack}; to get {part.what}, {part.remedy}." if lack else f"{part.marker}: there")
    if not PARTS[0].lacks():
        try:
            jars.folder()
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
    return 1 if missing and in_ci() else 0


if __name__ == "__main__":
    sys.exit(main())
