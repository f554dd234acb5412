"""Apache Kafka's jars: copied once from tests/pom.xml to .cache/kafka."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
POM = ROOT / "tests" / "pom.xml"
CACHE = ROOT / ".cache" / "kafka"
WITHIN_S = 240


def are_here() -> bool:
    """Return whether the jars that tests/pom.xml asks for lie in the cache."""
    return _stamp().is_file()


def folder() -> Path:
    """Return the folder of the jars, which Maven fills on first use.

    Raises
    ------
    RuntimeError
        When Maven cannot get them; shows its last lines.
    """
    libs = _stamp().parent
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the tests may begin at once
        if not are_here():
            shutil.rmtree(libs, ignore_errors=True)
            _copy(libs)
            _stamp().touch()
    return libs


def _stamp() -> Path:
    """Return the marker of a complete folder, one folder for each version of the pom."""
    return CACHE / hashlib.sha256(POM.read_bytes()).hexdigest()[:12] / ".complete"


def _copy(libs: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={libs}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    except FileNotFoundError:
        raise RuntimeError("Maven is missing; it copies the Kafka broker of tests/pom.xml. Install maven.") from None
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"Maven did not copy Kafka within {WITHIN_S} s. Is its repository reachable?") from None
    if done.returncode:
        output = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise RuntimeError(f"Maven could not copy Kafka (tests/pom.xml) to {CACHE.relative_to(ROOT)}:\n{output}")
