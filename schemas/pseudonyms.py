"""Patient tokens: HMAC-SHA256 of the identifier and its authority, with a key kept outside Kafka and SQL."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from schemas.errors import SettingsError
from schemas.settings import Settings

KEY_BYTES = 32


def patient_token(key: bytes, authority: str, identifier: str) -> str:
    """Return the pseudonym of one identifier: 32 hex digits, the same for the same key.

    Parameters
    ----------
    key : bytes
        32 secret bytes; see `load_key`.
    authority : str
        Assigning authority of the identifier (PID-3.4): number 17 of two hospitals is two patients.
    identifier : str
        The medical record number (PID-3.1).

    Returns
    -------
    str
        The first 128 bits, in hex.

    Examples
    --------
    >>> patient_token(b"0" * 32, "harbour", "17") == patient_token(b"0" * 32, "harbour", "17")
    True
    """
    message = b"\x1f".join((authority.encode(), identifier.encode()))
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:32]


def load_key(settings: Settings, *, create: bool = True) -> bytes:
    """Read the pseudonym key; create one on first use if no file is set.

    Parameters
    ----------
    settings : Settings
        Say where the key is.
    create : bool
        False writes no file: where there is none, a key for this run only is returned.

    Raises
    ------
    SettingsError
        When the file cannot be read or does not contain 64 hex digits.
    """
    path = settings.pseudonym_key_file or settings.data_dir / "pseudonym.key"
    if settings.pseudonym_key_file is None:
        if not create and not path.exists():
            return secrets.token_bytes(KEY_BYTES)
        _make_once(path)
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(
            f"{path}: not a valid pseudonym key. Write 64 hex digits to it, or unset WARDWATCH_PSEUDONYM_KEY_FILE."
        )
    return key


def _make_once(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
