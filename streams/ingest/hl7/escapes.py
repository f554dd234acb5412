"""The escape sequences within the fields of an HL7 v2 message (HL7 v2 chapter 2.7)."""

from __future__ import annotations

import re

from streams.ingest.hl7.charset import decode_bytes


class Escapes:
    r"""Decodes escape sequences; anything else, such as a lone escape character, is kept as it is.

    Parameters
    ----------
    escape : str
        The escape character of MSH-2.
    letters : dict of str to str
        The separators for which `\\F\\`, `\\S\\`, `\\T\\`, `\\R\\` and `\\E\\` stand in this message.
    declared : str
        The message's character set, for the bytes in `\\Xdddd\\`.
    """

    def __init__(self, escape: str, letters: dict[str, str], declared: str) -> None:
        self._escape, self._letters, self._declared = escape, letters, declared
        e, names = re.escape(escape), "".join(letters)
        self._sequence = re.compile(
            rf"(?P<bytes>(?:{e}X(?:[0-9A-Fa-f]{{2}})+{e})+)"  # one letter may be written as several of them
            rf"|{e}(?P<letter>[{names}]){e}"
            rf"|{e}(?P<layout>\.[^{e}]*){e}"  # a space: `.sp999999999` would be as many line breaks
            rf"|{e}(?:[HN]|C[0-9A-Fa-f]{{4}}|M[0-9A-Fa-f]{{4,6}}){e}"  # highlighting and changes of the set: dropped
        )

    def decoded(self, text: str) -> str:
        """Return a value with its escape sequences decoded."""
        return self._sequence.sub(self._replacement, text) if self._escape in text else text

    def _replacement(self, found: re.Match[str]) -> str:
        if found["bytes"]:
            digits = found["bytes"].replace(self._escape, "").replace("X", "")
            return decode_bytes(bytes.fromhex(digits), self._declared)
        if found["letter"]:
            return self._letters[found["letter"]]
        return " " if found["layout"] else ""
