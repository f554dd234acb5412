"""Commands that read feeds: HL7 v2, FHIR and JSON, from files and over the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.common import AsJson, announce, counted, given_paths, load_settings, remark, say
from commands.simulate import publish_facts
from schemas.errors import UsageError

if TYPE_CHECKING:
    from schemas.settings import Settings


def hl7(
    paths: Annotated[list[str], typer.Argument(help="Files and folders of HL7 v2 messages.")],
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only print the result of each message; write no file (not even the pseudonym key).",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish HL7 v2 messages from files; invalid ones become dead letters with the reason.

    Example: `wardwatch ingest hl7 ./messages --dry-run --json`
    """
    from streams.ingest.from_files import read_hl7

    settings = load_settings()
    messages = read_hl7(given_paths(paths), settings, remark, create_key=not dry_run)
    _from_files(settings, messages, "message", dry_run, as_json)


def mllp(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 2575,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    largest_bytes: Annotated[int, typer.Option(help="Maximum size of a message, in bytes.")] = 1_048_576,
    tls_cert: Annotated[str | None, typer.Option(help="PEM file of the certificate: listen with TLS.")] = None,
    tls_key: Annotated[str | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    tls_ca: Annotated[
        str | None, typer.Option(help="PEM file of the authority that must have signed senders' certificates.")
    ] = None,
) -> None:
    """Listen for HL7 v2 over MLLP; a message is acknowledged once its facts are on Kafka.

    Example: `wardwatch ingest mllp --port 2575`
    """
    from schemas.kafka import ensure_topics, wait_for_broker
    from streams.ingest.hl7.mapping import load_mapping
    from streams.ingest.hl7.mllp import serve_mllp
    from streams.ingest.hl7.mllp_options import MllpOptions

    if not 0 <= port <= 65_535 or largest_bytes < 1_000:
        raise UsageError("--port must be 0 to 65535 and --largest-bytes at least 1000.")
    settings = load_settings()
    options = MllpOptions(
        host=host, port=port, largest_bytes=largest_bytes, tls_cert=tls_cert, tls_key=tls_key, tls_ca=tls_ca
    )
    options.ssl_context()  # report an invalid option before waiting for Kafka
    load_mapping(settings.hl7_mapping_file)
    wait_for_broker(settings)
    ensure_topics(settings)
    server = serve_mllp(settings, options, lambda address: announce(f"MLLP at {address}"))
    say(f"{server.acknowledged:,} acknowledged, {server.rejected:,} rejected, {server.unanswered:,} not answered.")
    if server.ignored:
        say(f"{counted(server.ignored, 'acknowledgement')} received and ignored.")


def fhir(
    paths: Annotated[list[str], typer.Argument(help="Files (.json, .ndjson) and folders of FHIR R4 or R5 resources.")],
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only print the result of each resource; write no file (not even the pseudonym key).",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish FHIR Encounters and Bundles from files; invalid ones become dead letters with the reason.

    Example: `wardwatch ingest fhir ./bundles --dry-run --json`
    """
    from streams.ingest.from_files import read_fhir

    settings = load_settings()
    messages = read_fhir(given_paths(paths), settings, remark, create_key=not dry_run)
    _from_files(settings, messages, "resource", dry_run, as_json)


def http(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 8060,
) -> None:
    """Listen for JSON facts and FHIR resources over HTTP; answers once Kafka has them.

    Example: `wardwatch ingest http --port 8060`
    """
    from schemas.kafka import ensure_topics, wait_for_broker
    from streams.ingest.http_server import require_token, serve_http

    settings = load_settings()
    require_token(settings.ingest_host, settings.ingest_token)
    wait_for_broker(settings)
    ensure_topics(settings)
    serve_http(settings, port, lambda address: announce(f"Facts at {address}/facts, FHIR at {address}/fhir"))


def _from_files(settings: Settings, messages: Iterator[Any], called: str, dry_run: bool, as_json: bool) -> None:
    if dry_run:
        _print_readings(messages, called, as_json)
        return
    from simulators.publish import Speed as Pace

    records = (record for message in messages for record in message.records())
    publish_facts(settings, records, Pace.parse("max"), as_json)


def _print_readings(messages: Iterator[Any], called: str, as_json: bool) -> None:
    import msgspec

    from streams.ingest.files import shown

    usable = rejected = 0
    for message in messages:
        reading = message.reading
        usable, rejected = usable + bool(reading.facts), rejected + (reading.rejected is not None)
        if as_json:
            typer.echo(msgspec.json.encode(message.as_json()))
        else:
            facts = ", ".join(type(fact).__name__ for fact in reading.facts)
            what = "; ".join(part for part in (facts, reading.rejected) if part) or "nothing to publish"
            kind = f" {message.trigger}" if message.trigger else ""
            say(f"{shown(message.file)}[{message.number}]{kind}: {what}", markup=False)
            for warning in message.warnings:
                say(f"{shown(message.file)}[{message.number}]{kind}: {warning}", markup=False)
    if not as_json:
        dead = "a dead letter" if rejected == 1 else "dead letters"
        say(f"{counted(usable, called)} {'gives' if usable == 1 else 'give'} facts, {rejected:,} would be {dead}.")
