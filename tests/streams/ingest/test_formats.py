"""The same bytes are read in the same way from a file, as a dead letter and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.errors import FactRejected
from schemas.events import BedStatusChanged, EncounterUpdated, PatientAdmitted, decode_fact, encode_fact
from schemas.outgoing import Outgoing, outgoing
from schemas.pseudonyms import load_key
from schemas.settings import Settings
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.formats import Feeds, Format, format_of, read
from streams.ingest.from_files import FromFile, read_fhir, read_hl7
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.ingest.http_bodies import Body
from streams.ingest.http_bodies import read_facts as facts_over_http
from streams.ingest.http_bodies import read_fhir as fhir_over_http
from streams.operate.dead_letters import read_again
from tests.conftest import MakeSettings
from tests.streams.ingest.fhir.resources import PATIENT, bundle, encounter, facts
from tests.streams.ingest.hl7.messages import message

MARK = b"\xef\xbb\xbf"
FACT = encode_fact(facts(encounter())[0])
ABOUT_RESOURCES = json.dumps(
    json.loads(FACT) | {"data": {"service": '"resourceType"', "location": {"facility_id": "A", "unit_id": "MSH|"}}}
).encode()
RESOURCE = json.dumps(encounter()).encode()
BUNDLE = json.dumps(bundle(PATIENT, encounter(), kind="history")).encode()
INDENTED = json.dumps(bundle(PATIENT, encounter()), indent=2).encode()

CASES = {
    "a message": (message(), Format.HL7),
    "a message in a frame": (b"\x0b" + message() + b"\x1c\r", Format.HL7),
    "a message behind a mark": (MARK + message(), Format.HL7),
    "a message behind spaces": (b" \r\n" + message(), Format.HL7),
    "a message in UTF-16": (message().decode().encode("utf-16"), Format.HL7),
    "a message about a resource": (message("A08", f10='"resourceType"'), Format.HL7),
    "a fact": (FACT, Format.FACT),
    "a fact behind a mark": (MARK + FACT, Format.FACT),
    "a fact behind spaces": (b" \n" + FACT + b"\n", Format.FACT),
    "a fact about a resource": (ABOUT_RESOURCES, Format.FACT),
    "an Encounter": (RESOURCE, Format.FHIR),
    "an Encounter behind a mark": (MARK + RESOURCE, Format.FHIR),
    "an Encounter behind spaces": (b" \n" + RESOURCE, Format.FHIR),
    "a Bundle": (BUNDLE, Format.FHIR),
    "an indented Bundle": (INDENTED, Format.FHIR),
}


def feeds(settings: Settings) -> Feeds:
    return Feeds(Hl7Mapping(), FhirOptions(), load_key(settings))


def from_a_file(
    read_file: Callable[[list[Path], Settings], Iterator[FromFile]], raw: bytes, folder: Path, settings: Settings
) -> list[FromFile]:
    file = folder / "feed.json"
    file.write_bytes(raw)
    return list(read_file([file], settings))


def over_http(raw: bytes, form: Format, settings: Settings) -> Body:
    if form is Format.FHIR:
        return fhir_over_http(raw, feeds(settings))
    return facts_over_http(raw, feeds(settings), lines=False)


@pytest.mark.parametrize("case", CASES)
def test_the_same_bytes_give_the_same_facts_from_a_file_as_a_dead_letter_and_over_http(
    case: str, tmp_path: Path, settings: MakeSettings
) -> None:
    raw, form = CASES[case]
    given = settings()
    reading = read(raw, feeds(given), datetime.now(UTC))
    expected = [outgoing(fact) for fact in reading.facts]
    assert (len(expected), reading.problems, format_of(raw)) == (1, (), form)
    assert read_again(raw, given) == (expected, None)
    for read_file in (read_hl7, read_fhir):
        (found,) = from_a_file(read_file, raw, tmp_path, given)
        assert [outgoing(fact) for fact in found.reading.facts] == expected
    if form is not Format.HL7:
        assert over_http(raw, form, given)[:2] == (expected, [])


@pytest.mark.parametrize(("raw", "kind"), [(message(), PatientAdmitted), (message("A08"), EncounterUpdated)])
def test_a_message_is_read_by_its_trigger(raw: bytes, kind: type, settings: MakeSettings) -> None:
    assert [type(fact) for fact in read(raw, feeds(settings()), datetime.now(UTC)).facts] == [kind]


@pytest.mark.parametrize(
    ("raw", "hl7", "fhir", "neither"),
    [
        (b"hello", "MSH: missing at the start", "Not valid JSON", "Neither HL7 v2"),
        (b"", "MSH: missing at the start", "Not valid JSON", "Neither HL7 v2"),
        (b'{"a": 1}', "MSH: missing at the start", "resourceType: not supported", "required field `type`"),
        (b'{"resourceType": "Patient"}', "resourceType: not supported", "resourceType: not supported", "not supported"),
        (b'{"resourceType": "Encounter"', "MSH: missing at the start", "Not valid JSON", "JSON"),
        (b"[1]", "MSH: missing at the start", "resourceType: not supported", "Expected `object`"),
        (FACT.replace(b'"subject"', b'"about"'), "field `subject`", "field `subject`", "field `subject`"),
        (FACT.replace(b'"subject":"V1"', b'"subject":"bed:A/B/C"'), "a bed as its", "a bed as its", "a bed as its"),
    ],
)
def test_input_that_gives_no_facts_has_a_reason_in_the_words_of_its_format(
    raw: bytes, hl7: str, fhir: str, neither: str, settings: MakeSettings
) -> None:
    def reason(unknown_as: Format | None) -> str:
        reading = read(raw, feeds(settings()), datetime.now(UTC), unknown_as=unknown_as)
        assert reading.facts == ()
        return str(reading.rejected)

    assert hl7 in reason(Format.HL7)
    assert fhir in reason(Format.FHIR)
    assert neither in reason(None)
    with pytest.raises(FactRejected) as refused:
        read_again(raw, settings())
    assert str(refused.value) == reason(None)


@pytest.mark.parametrize(
    ("raw", "at", "error"),
    [
        (RESOURCE, Format.FACT, "a FHIR resource. Send it to /fhir."),
        (message(), Format.FACT, "an HL7 v2 message. Send it to `wardwatch ingest mllp`."),
        (FACT, Format.FHIR, "a JSON fact. Send it to /facts."),
        (message(), Format.FHIR, "an HL7 v2 message. Send it to `wardwatch ingest mllp`."),
    ],
)
def test_over_http_input_of_another_format_is_an_error_that_names_its_address(
    raw: bytes, at: Format, error: str, settings: MakeSettings
) -> None:
    body = over_http(raw, at, settings())
    assert body.records == []
    assert [each["error"] for each in body.errors] == [error]


def test_a_bed_status_among_resources_is_published_from_a_file_of_lines(tmp_path: Path, settings: MakeSettings) -> None:
    (record,) = read_again(message("A20", more=["NPU|4W^^01^HG|H"]), settings()).records
    (tmp_path / "feed.ndjson").write_bytes(RESOURCE + b"\n" + record.value + b"\n")
    first, second = read_fhir([tmp_path / "feed.ndjson"], settings())
    assert [type(fact) for fact in second.records()] == [BedStatusChanged]
    assert second.records() == [decode_fact(record.value)]
    assert not any(isinstance(each, Outgoing) for each in first.records())
