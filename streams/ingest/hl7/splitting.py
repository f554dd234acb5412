"""HL7 v2 messages in files: one or many a file, with any line ends, framing or envelope."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from schemas.errors import SourceError
from streams.ingest.files import contents, files_to_read, named
from streams.ingest.hl7.charset import decode_wide, wide_encoding

SUFFIXES = frozenset({"", ".hl7", ".hl7v2", ".er7", ".adt", ".msg", ".txt", ".dat"})
"""Of the files that are read in a folder, and numbers: a key or a database beside them must become no dead letter."""

_BEGINS = re.compile(rb"(?:^|(?<=[\r\n\x0b\x1c\xbf\x00]))[ \t]*(?=(?:MSH|FHS|BHS|FTS|BTS)[^A-Za-z0-9\s])")
_ENVELOPE = re.compile(rb"(?:FHS|BHS|FTS|BTS)(?:[^A-Za-z0-9\s][^\r\n]*)?(?=[\r\n]|$)")
_CUT = re.compile(rb"[^\x0b\x1c\r\n]\x0b$")
"""A frame begins where neither a segment nor the frame before has ended."""
_AROUND = b"\r\n\t \x0b\x1c"
_MARK = b"\xef\xbb\xbf"


def split_messages(raw: bytes) -> list[bytes]:
    r"""Return the messages of a file, each from its MSH on; the lines of batch and file envelopes fall away.

    What stands before the first MSH, or a file without any, is one message too, so that it is not lost in silence.
    One that was cut within a segment keeps the start of the next frame at its end, by which `Hl7Message` refuses it.
    UTF-16 and UTF-32 become UTF-8.

    Examples
    --------
    >>> split_messages(b"FHS|a\rMSH|^~\\&|1\rPID|1\r\nMSH|^~\\&|2\rFTS|1")
    [b'MSH|^~\\&|1\rPID|1', b'MSH|^~\\&|2']
    """
    wide = wide_encoding(raw)
    if wide is not None:
        raw = decode_wide(raw, wide).encode()
    starts = [match.start() for match in _BEGINS.finditer(raw)]
    edges = [0, *starts, len(raw)]
    found = []
    for start, end in pairwise(edges):
        part = raw[start:end].strip(_AROUND).removeprefix(_MARK).strip(_AROUND)
        if _CUT.search(raw, max(start, end - 2), end):
            part += b"\x0b"
        envelope = _ENVELOPE.match(part)
        if envelope:
            part = part[envelope.end() :].strip(_AROUND)
        if part:
            found.append(part)
    return found


def messages_in(paths: Sequence[Path], tell: Callable[[str], None] | None = None) -> Iterator[tuple[Path, int, bytes]]:
    """Return file, number within it (from 0) and bytes of each message in files and folders, by name.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.
    tell : callable, optional
        Hears a sentence where files of a folder are passed over, and where a file holds no message.

    Raises
    ------
    SourceError
        When a path is not there, no file is to be read or all are empty, at once; when a file cannot be read, when its
        turn comes; when none of them held a message, at the end.
    """
    return _messages(files_to_read(paths, SUFFIXES, "HL7 v2 messages", tell, numbered=True), tell)


def _messages(files: Sequence[Path], tell: Callable[[str], None] | None) -> Iterator[tuple[Path, int, bytes]]:
    without: list[Path] = []
    for file in files:
        found = split_messages(contents(file))
        if not found:
            without.append(file)
        for index, message in enumerate(found):
            yield file, index, message
    if len(without) == len(files):
        raise SourceError(f"Files read: {len(files):,}, and none of them holds a message. Name others.")
    if without and tell is not None:
        tell(f"Files without a message: {named(without)}.")
