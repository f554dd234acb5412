"""What packages export, and which errors there are: a change here is a change of the interface."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

from schemas import errors
from schemas.errors import WardwatchError

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "models", "streams", "simulators", "dashboard", "commands")

EXPORTS = {
    "streams.fold": [
        "PartitionMark",
        "fold",
        "fold_merged",
        "fold_patient",
        "latest_report",
        "overall",
        "resolve_merges",
    ],
    "streams.alerts": [
        "OPEN_STATUSES",
        "STATUS_WORDS",
        "TRANSITIONS",
        "Actor",
        "AlertState",
        "AlertStatus",
        "IssuedScore",
        "LatestScore",
        "acknowledge",
        "can_be_followed_up",
        "close_alerts",
        "decide",
        "open_alerts",
        "save_alerts",
        "statuses_before",
    ],
    "simulators.testing": ["Alert", "Replay"],
}


def modules() -> list[str]:
    found = []
    for package in PACKAGES:
        for info in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if ".migrations" not in info.name:
                found.append(info.name)
    return found


@pytest.mark.parametrize("package", EXPORTS)
def test_a_package_exports_these_names_and_no_others(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__ == EXPORTS[package]
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_every_package_that_exports_names_is_listed_here() -> None:
    exporting = [
        name
        for name in modules()
        if Path(importlib.import_module(name).__file__ or "").name == "__init__.py"
        and hasattr(importlib.import_module(name), "__all__")
    ]
    assert sorted(exporting) == sorted(EXPORTS)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_ships_its_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_the_tree_of_errors_names_each_with_its_exit_code_and_its_http_status() -> None:
    tree = errors.__doc__ or ""
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, WardwatchError):
            [line] = [each for each in tree.splitlines() if f" {name} " in f" {each.strip()} "]
            status = "its own" if name == "RequestRefused" else str(kind.http_status)
            assert f" {kind.exit_code}, {status}" in line, name


def test_every_exception_of_the_project_is_in_the_tree_of_errors() -> None:
    outside = []
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path == ROOT / "schemas" / "errors.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and any(is_exception(base) for base in node.bases):
                    outside.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert outside == []


def is_exception(base: ast.expr) -> bool:
    name = base.id if isinstance(base, ast.Name) else getattr(base, "attr", "")
    known = getattr(errors, name, None) or getattr(builtins, name, None)
    return name.endswith(("Error", "Exception")) or (inspect.isclass(known) and issubclass(known, BaseException))
