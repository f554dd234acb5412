"""Log of a process that must not end because its log cannot be written: database and log often share a disk."""

from __future__ import annotations

from typing import TextIO


class LogStream:
    """A text stream that drops what cannot be written, and writes again once that is possible.

    Parameters
    ----------
    stream : TextIO
        Where the log goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Flush, or leave it to the next one."""
        try:
            self._stream.flush()
        except OSError:
            return
