"""Names of facilities, units, rooms and beds, in one Unicode form.

A letter with an accent can be written as one character or as a letter and a combining accent. Both look alike, and
senders, keyboards and editors differ; in Unicode's form NFC they are one name.
"""

from __future__ import annotations

import unicodedata
from typing import TypeVar

Text = TypeVar("Text", str, str | None)


def composed(name: Text) -> Text:
    r"""Return a name in Unicode's form NFC; None stays None.

    Examples
    --------
    >>> composed("Entre\u0301e") == "Entr\u00e9e"
    True
    """
    return name if name is None or name.isascii() else unicodedata.normalize("NFC", name)


def composed_file(raw: bytes) -> bytes:
    """Return the content of a file that holds names in form NFC; what is not UTF-8 stays as it is."""
    try:
        return raw if raw.isascii() else unicodedata.normalize("NFC", raw.decode()).encode()
    except UnicodeDecodeError:
        return raw
