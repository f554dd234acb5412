"""The definition by which the stream labels: the default variant, the hospital file, and the code sets as imported."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from models.labels.code_sets import CodeSets
from models.labels.rules import ADULTS, Definition
from schemas.hospital import Hospital
from streams.store.code_sets import imported_at, load_code_sets


class LabelDefinition:
    """Holds the code sets, and reads them again after each import.

    Parameters
    ----------
    hospital : Hospital or None
        The hospital file; None: UTC, and all units are acute.
    """

    def __init__(self, hospital: Hospital | None = None) -> None:
        self._hospital = hospital
        self._codes: CodeSets | None = None
        self._imported_at: datetime | None = None

    def read(self, connection: Connection) -> Definition:
        """Return the definition that applies now."""
        at = imported_at(connection)
        if at != self._imported_at:
            self._codes, self._imported_at = load_code_sets(connection), at
        return Definition(ADULTS, self._hospital, self._codes)
