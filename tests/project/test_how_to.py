"""The how-to guides: their examples load, their commands exist with the options shown, their output is the real one."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main
import yaml

import wardwatch
from schemas.hospital import Facility, Hospital, Unit, load_hospital
from tests.project.hospital_table import MEANINGS, hospital_page

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted(HOW_TO.glob("*.md"))
PLAIN = [*PAGES, *sorted((REFERENCE / "hl7").glob("*.md")), REFERENCE / "http.md", REFERENCE / "hospital-file.md"]
ARCHAIC = re.compile(r"\b(?:is no |is none\b|anew\b|told\b|hear\b|whoever\b|somebody\b|nobody\b)", re.IGNORECASE)


class Example(NamedTuple):
    """A command of a code block, the variables that the block exports before it, and the output shown."""

    command: str
    variables: dict[str, str]
    output: list[str]


FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str = "") -> list[str]:
    """Return the code blocks of one language; by default those without one, which hold commands."""
    return [block for of, block in FENCE.findall(page) if of == language]


def lines(block: str) -> list[str]:
    """Return the lines of a block; one that ends in a backslash goes on."""
    return re.sub(r" *\\\n *", " ", block).splitlines()


def examples(page: str) -> list[Example]:
    """Return the commands with a prompt, each with the lines up to the next prompt of its block."""
    found: list[Example] = []
    for block in blocks(page):
        variables: dict[str, str] = {}
        output: list[str] = []
        for line in lines(block):
            if line.startswith("$ export "):
                name, _, value = line.removeprefix("$ export ").partition("=")
                variables[name] = value
            elif line.startswith("$ "):
                output = []
                found.append(Example(line[2:], dict(variables), output))
            else:
                output.append(line)
    return found


def commands(page: str) -> list[str]:
    """Return every command of Wardwatch in the code blocks of a page."""
    found = [line.removeprefix("$ ") for block in blocks(page) for line in lines(block)]
    return [line for line in found if line.startswith("wardwatch ")]


def mentions(page: str) -> list[str]:
    """Return every command of Wardwatch in the text of a page."""
    return re.findall(r"`(wardwatch [^`\n]+)`", page)


def command_of(line: str) -> tuple[Any, list[str]]:
    """Return the command that a line names, and the arguments.

    Raises
    ------
    KeyError
        When there is no such command.
    """
    words = shlex.split(line.partition(">")[0])[1:]
    command: Any = typer.main.get_command(wardwatch.app)
    while hasattr(command, "commands") and words:
        command = command.commands[words.pop(0)]
    return command, words


def unknown_options(line: str) -> list[str]:
    command, words = command_of(line)
    known = {option for each in getattr(command, "params", ()) for option in (*each.opts, *each.secondary_opts)}
    return [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("WARDWATCH_")}
    given = {"WARDWATCH_DATA_DIR": str(folder), "WARDWATCH_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", **variables}
    command = [sys.executable, "-W", "ignore", "-m", "wardwatch", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=others | given, capture_output=True, text=True, check=False, timeout=60
    )


def read(name: str, variable: str, mapping: Path, folder: Path) -> list[dict[str, Any]]:
    """Return what a dry run with a mapping says of each message of an example."""
    kind = "hl7" if name.endswith(".hl7") else "fhir"
    arguments = ("ingest", kind, str(HOW_TO / name), "--dry-run", "--json")
    done = run(*arguments, folder=folder, **{variable: str(mapping)})
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def place(fact: dict[str, Any]) -> dict[str, str]:
    location: dict[str, str] = fact["data"]["location"]
    return location


def test_the_example_hospital_has_two_facilities_with_a_unit_of_the_same_name() -> None:
    hospital = load_hospital(HOW_TO / "example_hospital.yaml")
    assert [(each.facility_id, each.bed_status_feed, each.cleaning_minutes) for each in hospital.facilities] == [
        ("LSG", True, 60),
        ("LSV", False, 90),
    ]
    assert {key: (len(unit.bed_ids), unit.staffed) for key, unit in hospital.units.items()} == {
        ("LSG", "ED"): (12, 12),
        ("LSG", "2N"): (6, 5),
        ("LSG", "ICU"): (4, 4),
        ("LSV", "2N"): (4, 4),
    }
    assert hospital.units["LSG", "2N"].bed_ids[:2] == ("201-A", "201-B")


def test_the_hl7_example_is_read_by_its_mapping_into_the_example_hospital(tmp_path: Path) -> None:
    mapping = HOW_TO / "example_hl7_mapping.yaml"
    usable, letter = read("example_messages.hl7", "WARDWATCH_HL7_MAPPING_FILE", mapping, tmp_path)
    (fact,) = usable["facts"]
    assert (fact["source"], fact["subject"], fact["time"]) == ("lakeside-adt", "V7001", "2026-07-02T07:15:00Z")
    assert fact["data"]["begun_at"] == "2026-07-02T07:10:00Z"
    assert place(fact) == {"facility_id": "LSG", "unit_id": "2N", "room": "201", "bed_id": "201-A"}
    assert "201-A" in load_hospital(HOW_TO / "example_hospital.yaml").units["LSG", "2N"].bed_ids
    assert (letter["facts"], letter["dead_letter"][:24]) == ([], "PV1-19: no visit number.")


def test_the_fhir_example_is_read_by_its_mapping_into_the_example_hospital(tmp_path: Path) -> None:
    (bundle,) = read(
        "example_bundle.json", "WARDWATCH_FHIR_MAPPING_FILE", HOW_TO / "example_fhir_mapping.yaml", tmp_path
    )
    (fact,) = bundle["facts"]
    assert (fact["source"], fact["subject"]) == ("lakeside-fhir", "V7003")
    assert place(fact) == {"facility_id": "LSG", "unit_id": "2N", "bed_id": "202-A"}
    assert "202-A" in load_hospital(HOW_TO / "example_hospital.yaml").units["LSG", "2N"].bed_ids


def test_a_patient_has_one_token_in_both_example_feeds(tmp_path: Path) -> None:
    message = (HOW_TO / "example_messages.hl7").read_text(encoding="utf-8").replace("555^", "557^")
    (tmp_path / "same.hl7").write_text(message, encoding="utf-8")
    (tmp_path / "pseudonym.key").write_text("ab" * 32, encoding="utf-8")  # a dry run makes none of its own
    hl7 = read(str(tmp_path / "same.hl7"), "WARDWATCH_HL7_MAPPING_FILE", HOW_TO / "example_hl7_mapping.yaml", tmp_path)
    fhir = read("example_bundle.json", "WARDWATCH_FHIR_MAPPING_FILE", HOW_TO / "example_fhir_mapping.yaml", tmp_path)
    assert hl7[0]["facts"][0]["partitionkey"] == fhir[0]["facts"][0]["partitionkey"]


@pytest.mark.parametrize(
    ("mapping", "variable", "kind", "example"),
    [
        ("example_hl7_mapping.yaml", "WARDWATCH_HL7_MAPPING_FILE", "hl7", "example_messages.hl7"),
        ("example_fhir_mapping.yaml", "WARDWATCH_FHIR_MAPPING_FILE", "fhir", "example_bundle.json"),
    ],
)
def test_a_mapping_with_a_key_that_is_not_known_stops_the_command(
    mapping: str, variable: str, kind: str, example: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((HOW_TO / mapping).read_text(encoding="utf-8") + "time_zones: UTC\n", encoding="utf-8")
    done = run("ingest", kind, str(HOW_TO / example), "--dry-run", folder=tmp_path, **{variable: str(wrong)})
    assert done.returncode == 2
    assert "time_zones" in done.stderr


def test_the_mapping_of_the_hl7_reference_can_be_used(tmp_path: Path) -> None:
    (block,) = blocks((REFERENCE / "hl7" / "mapping.md").read_text(encoding="utf-8"), "yaml")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(block, encoding="utf-8")
    usable, _ = read("example_messages.hl7", "WARDWATCH_HL7_MAPPING_FILE", mapping, tmp_path)
    assert usable["facts"][0]["source"] == "adt-feed"
    documented = {name for line in block.splitlines() for name in re.findall(r"^(\w+):", line)}
    assert set(yaml.safe_load((HOW_TO / "example_hl7_mapping.yaml").read_text(encoding="utf-8"))) <= documented


def test_every_key_of_the_example_fhir_mapping_is_in_the_reference() -> None:
    page = (REFERENCE / "http.md").read_text(encoding="utf-8")
    keys = yaml.safe_load((HOW_TO / "example_fhir_mapping.yaml").read_text(encoding="utf-8"))
    assert [key for key in keys if f"| `{key}` |" not in page] == []


def test_the_part_of_the_hospital_file_in_the_guide_is_that_of_the_example() -> None:
    (block,) = blocks((HOW_TO / "describe-your-hospital.md").read_text(encoding="utf-8"), "yaml")
    shown = yaml.safe_load(block)["facilities"][0]
    whole = yaml.safe_load((HOW_TO / "example_hospital.yaml").read_text(encoding="utf-8"))["facilities"][0]
    assert {**shown, "units": None} == {**whole, "units": None}
    assert shown["units"][0] in whole["units"]


def test_the_reference_of_the_hospital_file_has_every_key() -> None:
    page = hospital_page()
    for kind in (Hospital, Facility, Unit):
        assert [name for name in kind.__struct_fields__ if f"| `{name}` |" not in page] == []
        assert set(MEANINGS[kind]) == set(kind.__struct_fields__), "a meaning without a key"


def test_the_reference_of_the_hospital_file_has_bounds_and_defaults_of_the_code() -> None:
    lines = hospital_page().splitlines()
    assert any(line.startswith("| `licensed_beds` | number, 0 to 5,000 | `0` |") for line in lines)
    assert any(line.startswith("| `bed_status_feed` | true or false | `true` |") for line in lines)
    assert any(line.startswith("| `unit_id` | text, 1 to 200 characters | required |") for line in lines)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_guide_exists_and_takes_the_options_that_are_shown(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = commands(text)
    assert shown
    assert [(line, wrong) for line in (*shown, *mentions(text)) if (wrong := unknown_options(line))] == []
    for line in shown:
        command, words = command_of(line)
        command.make_context("wardwatch", words)  # raises for a missing argument or a value of the wrong type


@pytest.mark.parametrize("line", ["wardwatch ingest hl8 x", "wardwatch statsu"])
def test_a_command_that_does_not_exist_would_be_found(line: str) -> None:
    with pytest.raises(KeyError):
        command_of(line)


def test_an_option_that_does_not_exist_would_be_found() -> None:
    assert unknown_options("wardwatch ingest mllp --port 2575 --tls") == ["--tls"]


DRY_RUNS = [
    example
    for page in PAGES
    for example in examples(page.read_text(encoding="utf-8"))
    if example.command.startswith("wardwatch ingest ") and "docs/how-to/" in example.command
]


@pytest.mark.parametrize("example", DRY_RUNS, ids=lambda each: each.command)
def test_the_output_of_a_dry_run_is_the_one_that_is_shown(example: Example, tmp_path: Path) -> None:
    done = run(*shlex.split(example.command)[1:], folder=tmp_path, **example.variables)
    assert done.stdout.splitlines() == example.output


def test_doctor_says_of_the_example_hospital_what_the_guide_shows(tmp_path: Path) -> None:
    found = examples((HOW_TO / "describe-your-hospital.md").read_text(encoding="utf-8"))
    example = next(each for each in found if each.command == "wardwatch doctor")
    done = run("doctor", folder=tmp_path, **example.variables)
    assert len(example.output) == 1
    assert example.output[0] in done.stdout.splitlines()


@pytest.mark.parametrize("page", PLAIN, ids=lambda page: page.stem)
def test_a_page_is_written_in_plain_terms(page: Path) -> None:
    assert ARCHAIC.findall(page.read_text(encoding="utf-8")) == []
