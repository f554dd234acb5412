"""Settings from the environment. Every variable is described here only; docs/reference/settings.md is generated."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import SettingsError


class Settings(BaseSettings):
    """All settings. Each field is read from the variable `WARDWATCH_` plus its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="WARDWATCH_", extra="ignore", frozen=True)

    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Kafka brokers, `host:port` separated by commas."
    )
    kafka_embedded: bool = Field(
        False,
        description="The broker is the embedded development broker: producers hold back, so that it drops nothing.",
    )
    database_url: str = Field(
        "",
        description="SQLAlchemy address of PostgreSQL (`postgresql+psycopg://...`) or SQLite (`sqlite:///...`). "
        "Empty: `wardwatch.db` in the data directory.",
    )
    data_dir: Path = Field(Path("var"), description="Where the SQLite file, the pseudonym key and logs are kept.")
    hospital_file: Path | None = Field(
        None, description="YAML file of facilities, units and beds. Empty: the built-in Harbour General."
    )
    pseudonym_key_file: Path | None = Field(
        None, description="32 secret bytes in hex for patient tokens. Empty: made once in the data directory."
    )
    hl7_mapping_file: Path | None = Field(
        None, description="YAML file that says how the HL7 v2 feed is read. Empty: as the standard says."
    )
    fhir_mapping_file: Path | None = Field(
        None, description="YAML file that says how the FHIR feed is read. Empty: as the standard says."
    )
    ingest_host: str = Field("127.0.0.1", description="Address that `wardwatch ingest http` listens on.")
    ingest_token: str = Field(
        "", description="What senders of HTTP must show as a bearer token, 16 characters or more; needed off loopback."
    )
    dashboard_host: str = Field("127.0.0.1", description="Address the dashboard listens on; loopback until sign-in.")
    dashboard_port: int = Field(8050, ge=0, le=65535, description="Port of the dashboard; 0 takes a free one.")
    dashboard_container: bool = Field(
        False,
        description="The dashboard runs in a container whose port is published to the host's loopback only: inside, "
        "it may listen on all addresses.",
    )
    worker_host: str = Field("127.0.0.1", description="Address of the worker's /ready and /metrics.")
    worker_port: int = Field(
        0, ge=0, le=65535, description="Port of the worker's /ready and /metrics; 0 takes a free one and prints it."
    )
    label_lateness_days: float = Field(
        2.0, ge=0, le=60, description="Days that facts may come late: a label is released at day 30 plus this."
    )
    alert_share: float = Field(
        0.10, gt=0, le=1, description="Share of discharges that the team can follow up; sets the risk threshold."
    )
    rejected_share_limit: float = Field(
        0.5,
        gt=0,
        le=1,
        description="The worker stops when more than this share of the last 1,000 records was rejected; 1: never.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    log_format: Literal["console", "json"] = Field("console", description="Log lines for people or for machines.")

    @property
    def sql_url(self) -> str:
        """The database address, or its default."""
        return self.database_url or f"sqlite:///{self.data_dir / 'wardwatch.db'}"


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    SettingsError
        With the variable, the fault, and what the variable is for.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        field = Settings.model_fields.get(name)
        purpose = f" {field.description}" if field else ""
        raise SettingsError(f"WARDWATCH_{name.upper()}: {first['msg']}.{purpose}") from None


def settings_table() -> str:
    """Return the Markdown table of all variables for docs/reference/settings.md."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "") else f"`{field.default}`"
        lines.append(f"| `WARDWATCH_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"
