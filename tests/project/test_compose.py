"""docker-compose.yml as far as a machine without Docker can check it: its schema, its variables, its commands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from schemas.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
_CHECKER = find_spec("check_jsonschema")
assert _CHECKER is not None
assert _CHECKER.origin is not None
_VENDORED = Path(_CHECKER.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "wardwatch:local"}


def test_the_file_follows_the_compose_specification() -> None:
    schema = json.loads(_VENDORED.read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    assert list(validator.iter_errors({**COMPOSE, "services": {"kafka": {"restarts": "always"}}})) != []


def test_every_variable_has_a_default() -> None:
    variables = re.findall(r"\$\{([^}]+)\}", FILE.read_text(encoding="utf-8"))
    assert variables
    assert [variable for variable in variables if ":-" not in variable] == []


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_in_it_is_a_setting_and_its_value_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = OURS[name]["environment"]
    known = {f"WARDWATCH_{field.upper()}" for field in Settings.model_fields}
    assert set(given) <= known
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    assert load_settings().kafka_bootstrap_servers == "kafka:9092"


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_in_it_is_a_command(name: str) -> None:
    command = [sys.executable, "-m", "wardwatch", *OURS[name]["command"], "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: wardwatch" in done.stdout


def test_every_volume_and_dependency_is_declared() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]
        for needed in service.get("depends_on", {}):
            assert needed in COMPOSE["services"]


def test_ports_are_published_on_loopback_only() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8050:8050"]


def test_workers_can_be_scaled_and_have_time_to_stop() -> None:
    worker = OURS["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker
    assert int(worker["stop_grace_period"].rstrip("s")) > 60


def test_the_image_runs_as_nobody_special() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "USER wardwatch" in lines
    assert any("--require-hashes" in line for line in lines)
    copied = {line.split()[1] for line in lines if line.startswith("COPY") and "--from" not in line}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in copied:
        assert f"!{name}" in ignored, name
        assert (ROOT / name).exists(), name
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert set(shipped["targets"]["wheel"]["packages"]) < copied
