"""The glossary: each name of the code in it exists in the code, and each term is defined once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "models", "streams", "simulators", "dashboard", "commands")


def terms(text: str) -> list[str]:
    """Return the terms of the glossary: the first column of its tables, split at commas."""
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
    return [term.strip() for row in rows if row != "term" for term in row.split(",")]


def names(text: str) -> list[str]:
    """Return the terms that are names in the code."""
    return [name for term in terms(text) for name in re.findall(r"`([^`]+)`", term)]


@cache
def identifiers() -> frozenset[str]:
    """Return all that the packages define or use by name, and the values of their enums."""
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return frozenset(name for path in files for name in _names_in(ast.parse(path.read_text(encoding="utf-8"))))


def _names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case _:
                continue
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
                    yield str(line.value.value)


def glossary() -> str:
    return (ROOT / "docs" / "GLOSSARY.md").read_text(encoding="utf-8")


def test_each_name_in_the_glossary_exists_in_the_code() -> None:
    assert [name for name in names(glossary()) if name not in identifiers()] == []


def test_each_term_is_defined_once() -> None:
    found = terms(glossary())
    assert len(found) > 100
    assert sorted({term for term in found if found.count(term) > 1}) == []


def test_a_name_that_the_code_lost_is_noticed() -> None:
    text = "| term | meaning | source |\n|---|---|---|\n| `fold`, `hear`, census | `x` of facts | A01 |\n"
    assert names(text) == ["fold", "hear"]
    assert [name for name in names(text) if name not in identifiers()] == ["hear"]
    assert "in_progress" in identifiers()
