"""The folder of the demo: go on with what is in it, or start afresh and keep the old one beside it.

Nothing is deleted without `--fresh`. A demo goes on only where the same simulated hospital can go on: its seed, its
hospital file, and the code of the simulation are unchanged.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec

import simulators
from schemas.errors import UsageError
from schemas.hospital import load_hospital, parse_hospital

RECORD_FILE = "demo.json"
ENVIRONMENT_FILE = "env"
HOSPITAL_FILE = "hospital.yaml"
DATABASE_FILE = "wardwatch.db"


class DemoRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a demo was started with, kept in its folder.

    `started_at` (aware UTC) is second 0 of the simulated hospital. `simulation` is a digest of the code that simulates:
    other code would give other facts under the same ids. `seed` and `simulation` are None without a simulated hospital.
    """

    seed: int | None
    started_at: datetime
    hospital: str
    """Digest of the hospital file; empty for the built-in hospital."""
    simulation: str | None


class DemoFolder(NamedTuple):
    """The folder of a demo that is about to run, and what the user must know about it."""

    path: Path
    record: DemoRecord
    goes_on: bool
    remarks: list[str]

    @property
    def database_url(self) -> str:
        """SQLAlchemy address of the demo's database."""
        return f"sqlite:///{self.path.absolute() / DATABASE_FILE}"

    @property
    def hospital_file(self) -> Path | None:
        """The demo's copy of the hospital file; None for the built-in hospital."""
        return self.path / HOSPITAL_FILE if self.record.hospital else None


def base_of(data_dir: Path) -> Path:
    """Return the data directory that holds the demo's folder, also where the demo's own `env` has been sourced.

    `env` sets WARDWATCH_DATA_DIR to the folder of the demo itself; a second demo must not start inside of it.
    """
    is_of_a_demo = data_dir.name == "demo" and (data_dir / ENVIRONMENT_FILE).is_file()
    return data_dir.parent if is_of_a_demo else data_dir


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Lock the folder of the demo for this process.

    Raises
    ------
    UsageError
        When another demo has locked it, or its parent cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = folder.with_suffix(".lock").open("a")
    except OSError as error:
        raise UsageError(
            f"{folder.parent}: cannot be written ({error.strerror}). Set WARDWATCH_DATA_DIR to another folder."
        ) from None
    with file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"A demo is running already in {folder}. Stop it, or set WARDWATCH_DATA_DIR.") from None
        yield


def open_folder(
    path: Path,
    *,
    seed: int | None,
    hospital: Path | None,
    simulator: bool,
    fresh: bool,
    now: datetime,
    history: timedelta,
) -> DemoFolder:
    """Prepare the folder of a demo.

    Parameters
    ----------
    path : Path
        The folder; made if it does not exist.
    seed : int or None
        Of the simulated hospital. None: that of the demo in the folder, or 1.
    hospital : Path or None
        A hospital file. None: that of the demo in the folder, or the built-in hospital.
    simulator : bool
        Whether a simulated hospital publishes facts.
    fresh : bool
        Delete what is in the folder.
    now : datetime
        Aware UTC.
    history : timedelta
        How long before `now` a new simulated hospital begins.

    Raises
    ------
    HospitalFileError
        When the hospital file is not valid.
    """
    content = None if hospital is None else _checked(hospital)
    old = None if fresh else _read_record(path)
    remarks = []
    if fresh and path.exists():
        shutil.rmtree(path)
        remarks.append(f"Starting afresh: the demo that was in {path} is deleted.")
    reason = _why_not(path, old, seed, content, simulator)
    if old is not None and reason is None:
        if content is not None:
            old = msgspec.structs.replace(old, hospital=_digest(content))
        remarks.append(f"Going on with the demo in {path}. --fresh deletes it and starts a new one.")
        goes_on, record = True, old
    else:
        if reason is not None:
            kept = put_aside(path, now)
            remarks.append(f"Starting afresh: {reason}. The demo before is kept in {kept}.")
        goes_on = False
        record = DemoRecord(
            seed=(1 if seed is None else seed) if simulator else None,
            started_at=now.replace(microsecond=0) - history,
            hospital="" if content is None else _digest(content),
            simulation=_simulation() if simulator else None,
        )
    (path / "logs").mkdir(parents=True, exist_ok=True)
    if content is not None:
        (path / HOSPITAL_FILE).write_bytes(content)
    (path / RECORD_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    return DemoFolder(path, record, goes_on, remarks)


def put_aside(path: Path, now: datetime) -> Path:
    """Rename the folder of a demo, so that a new one can start in its place, and return the new name."""
    kept = path.with_name(f"{path.name}-{now:%Y%m%dT%H%M%S}")
    path.rename(kept)
    return kept


def _checked(file: Path) -> bytes:
    load_hospital(file)
    content = file.read_bytes()
    parse_hospital(content, str(file))
    return content


def _read_record(path: Path) -> DemoRecord | None:
    try:
        return msgspec.json.decode((path / RECORD_FILE).read_bytes(), type=DemoRecord)
    except (OSError, msgspec.DecodeError):
        return None


def _why_not(
    path: Path, old: DemoRecord | None, seed: int | None, hospital: bytes | None, simulator: bool
) -> str | None:
    """Return why the demo in the folder cannot go on; None if it can, or if there is none."""
    if old is None:
        return "the one before was made by another version" if path.exists() and any(path.iterdir()) else None
    if simulator != (old.seed is not None):
        return "the one before had " + ("no simulated hospital" if simulator else "a simulated hospital")
    if not simulator:
        return None
    if seed not in (None, old.seed):
        return f"the one before had seed {old.seed}"
    if hospital is not None and _digest(hospital) != old.hospital:
        return "the one before had another hospital file"
    if old.simulation != _simulation():
        return "the one before was simulated by another version"
    return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _simulation() -> str:
    """Return a digest of what decides which facts a seed gives: the code of the simulation and its random numbers."""
    found = hashlib.sha256(f"numpy {version('numpy')} simpy {version('simpy')}".encode())
    folder = Path(simulators.__file__).parent
    for file in (*sorted(folder.glob("*.py")), folder.parent / "schemas" / "harbour_general.yaml"):
        found.update(file.read_bytes())
    return found.hexdigest()
