"""HL7 v2 messages in files: one or many a file, with any line ends, framing or envelope."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from streams.ingest.files import contents, files_in

SUFFIXES = frozenset({"", ".hl7", ".hl7v2", ".er7", ".adt", ".msg", ".txt", ".dat"})
"""Of the files that are read in a folder: a key or a database beside them must not become a dead letter."""

_BEGINS = re.compile(rb"(?:^|(?<=[\r\n\x0b\x1c\xbf\x00]))[ \t]*(?=(?:MSH|FHS|BHS|FTS|BTS)[^A-Za-z0-9\s])")
_ENVELOPE = (b"FHS", b"BHS", b"FTS", b"BTS")
_AROUND = b"\r\n\t \x0b\x1c"
_MARK = b"\xef\xbb\xbf"


def split_messages(raw: bytes) -> list[bytes]:
    r"""Return the messages of a file, each from its MSH on; batch and file envelopes fall away.

    What stands before the first MSH, or a file without any, is one message too, so that it is not lost in silence.

    Examples
    --------
    >>> split_messages(b"FHS|a\rMSH|^~\\&|1\rPID|1\r\nMSH|^~\\&|2\rFTS|1")
    [b'MSH|^~\\&|1\rPID|1', b'MSH|^~\\&|2']
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raw = raw.decode("utf-16", errors="replace").encode()
    starts = [match.start() for match in _BEGINS.finditer(raw)]
    edges = [0, *starts, len(raw)]
    found = []
    for start, end in pairwise(edges):
        part = raw[start:end].strip(_AROUND).removeprefix(_MARK).strip(_AROUND)
        if part and not part.startswith(_ENVELOPE):
            found.append(part)
    return found


def messages_in(paths: Sequence[Path]) -> Iterator[tuple[Path, int, bytes]]:
    """Return file, number within it (from 0) and bytes of each message in files and folders, by name.

    Raises
    ------
    SourceError
        When a path is not there, at once; when a file cannot be read, when its turn comes.
    """
    return _messages(files_in(paths, SUFFIXES, "HL7 v2 messages"))


def _messages(files: Sequence[Path]) -> Iterator[tuple[Path, int, bytes]]:
    for file in files:
        for index, message in enumerate(split_messages(contents(file))):
            yield file, index, message
