"""Settings: from the environment, each named when it is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.errors import SettingsError
from schemas.pseudonyms import load_key, patient_token
from schemas.settings import load_settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDWATCH_KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2")
    monkeypatch.setenv("WARDWATCH_DATA_DIR", "somewhere")
    settings = load_settings()
    assert settings.kafka_bootstrap_servers == "a:1,b:2"
    assert settings.sql_url == "sqlite:///somewhere/wardwatch.db"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WARDWATCH_DASHBOARD_PORT", "eighty"),
        ("WARDWATCH_DASHBOARD_PORT", "70000"),
        ("WARDWATCH_ALERT_SHARE", "0"),
        ("WARDWATCH_LABEL_LATENESS_DAYS", "-1"),
        ("WARDWATCH_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_names_its_variable(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"^{variable}: "):
        load_settings()


def test_the_pseudonym_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "new")
    key = load_key(settings)
    assert len(key) == 32
    assert load_key(settings) == key
    assert os.stat(tmp_path / "new" / "pseudonym.key").st_mode & 0o077 == 0


def test_a_key_file_that_is_no_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("not hex")
    with pytest.raises(SettingsError, match="key: not a valid pseudonym key"):
        load_key(load_settings(pseudonym_key_file=path))


def test_a_token_is_hmac_sha256_of_authority_and_identifier() -> None:
    # printf 'harbour\x1f17' | openssl dgst -sha256 -mac HMAC -macopt hexkey:00..00 | cut -c1-32
    assert patient_token(bytes(32), "harbour", "17") == "d3eb410ae170ce2fccfa892131fe666f"
    assert patient_token(bytes(32), "other", "17") != patient_token(bytes(32), "harbour", "17")
