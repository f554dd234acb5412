"""Replay of facts in recording order through the engine into SQLite in memory, up to any moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from sqlalchemy import Engine, create_engine, select
from sqlalchemy.pool import StaticPool

from models.readmission.batch import BatchModel
from models.registry import save_batch_model
from schemas import tables
from schemas.errors import UsageError
from schemas.events import AnyFact
from schemas.hospital import Hospital, load_hospital
from schemas.outgoing import Outgoing
from schemas.settings import load_settings
from schemas.state import Encounter, EncounterStatus, decode_encounter
from schemas.topics import BedOnBoard, CapacityMetrics
from simulators.faults import FaultProfile, FaultReport, profile, with_faults
from simulators.hospital import simulate
from simulators.replay import facts as recorded
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.capacity.census import unit_metrics
from streams.capacity.store import CapacityStore, UnitKey
from streams.ingest.from_files import read_hl7
from streams.quality.findings import findings
from streams.quality.kinds import Finding
from streams.risk.scoring import Scoring

AT_ONCE = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Alert(NamedTuple):
    """A patient on the worklist."""

    encounter_id: str
    status: str
    readmission_risk: float


class Replay:
    """A hospital that replays a source up to any moment.

    Parameters
    ----------
    source : iterable of AnyFact or Outgoing
        In the order of `recorded_at`.
    hospital : Hospital or None
        Units and beds; the built-in Harbour General when not given.
    faults : str or FaultProfile
        Injected between the source and the engine: none, mild, hostile, or your own rates.
    seed : int
        Of the faults.
    model : BatchModel or None
        Scores patients, so that there are alerts; see `models.readmission.train.train`.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> with Replay.simulated(days=1, start=datetime(2026, 1, 1, tzinfo=UTC)) as replay:
    ...     replay.advance().census("ICU") > 0
    True
    """

    def __init__(
        self,
        source: Iterable[AnyFact | Outgoing],
        *,
        hospital: Hospital | None = None,
        faults: str | FaultProfile = "none",
        seed: int = 1,
        model: BatchModel | None = None,
    ) -> None:
        self.hospital = hospital or load_hospital()
        self.injected = FaultReport()
        """Faults injected so far."""
        rates = profile(faults) if isinstance(faults, str) else faults
        self._records = _Peekable(with_faults(source, rates, seed, self.injected))
        self._engine: Engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        tables.metadata.create_all(self._engine)
        self._scoring: Scoring | None = None
        if model is not None:
            with self._engine.begin() as connection:
                save_batch_model(connection, model)
            self._scoring = Scoring(lambda: self.now)
        self._offset = 0
        self.now = EPOCH
        """`recorded_at` of the last record."""

    @classmethod
    def simulated(
        cls,
        *,
        days: float,
        start: datetime,
        hospital: Hospital | None = None,
        simulation_seed: int = 1,
        faults: str | FaultProfile = "none",
        seed: int = 1,
        model: BatchModel | None = None,
    ) -> Replay:
        """Replay a simulated hospital."""
        simulated = hospital or load_hospital()
        facts = simulate(simulated, seed=simulation_seed, start=start, days=days)
        return cls(facts, hospital=simulated, faults=faults, seed=seed, model=model)

    @classmethod
    def recorded(
        cls,
        source: str,
        path: str | Path,
        *,
        hospital: Hospital | None = None,
        faults: str | FaultProfile = "none",
        seed: int = 1,
        model: BatchModel | None = None,
    ) -> Replay:
        """Replay a recording: any source of `wardwatch replay`, HL7 v2 files included.

        Raises
        ------
        UsageError
            When the source is unknown, or its path is not found.
        """
        settings = load_settings()
        records: Iterable[AnyFact | Outgoing]
        if source == "hl7":
            records = (record for message in read_hl7([Path(path)], settings) for record in message.records())
        else:
            records = recorded(source, path, settings, also=["hl7"])
        return cls(records, hospital=hospital, faults=faults, seed=seed, model=model)

    def __enter__(self) -> Replay:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database and delete its content."""
        self.close()

    def close(self) -> None:
        """Close the database and delete its content."""
        self._engine.dispose()

    def advance(self, to: datetime | None = None) -> Replay:
        """Process the records up to `to` (aware, inclusive), or all of them; returns itself."""
        if to is not None and to.tzinfo is None:
            raise UsageError("The time to advance to must have a time zone. Add it, as in 2026-01-01T00:00Z.")
        while batch := self._next(to):
            records = [
                Record("adt.events.v1", 0, self._offset + number, record.key, record.value, record.headers)
                for number, record in enumerate(batch)
            ]
            self._offset += len(batch)
            ingest(self._engine, [Fetch(records, True)], clock=lambda: self.now)
            if self._scoring is not None:
                self._score()
        if to is not None:
            self.now = max(self.now, to)
        return self

    def _next(self, to: datetime | None) -> list[Outgoing]:
        batch: list[Outgoing] = []
        while len(batch) < AT_ONCE:
            record = self._records.take(to)
            if record is None:
                break
            batch.append(record)
            self.now = max(self.now, record.recorded_at or self.now)
        return batch

    def _score(self) -> None:
        assert self._scoring is not None
        with self._engine.connect() as connection:
            known = set(connection.scalars(select(tables.encounter.columns.encounter_id)))
        self._scoring.score_changed(self._engine, known)
        while self._scoring.passed_midnights(self._engine):
            pass

    def encounter(self, encounter_id: str) -> Encounter:
        """Return one encounter.

        Raises
        ------
        KeyError
            When no fact about it was processed yet.
        """
        for encounter in self.encounters():
            if encounter.encounter_id == encounter_id:
                return encounter
        raise KeyError(encounter_id)

    def encounters(self, status: EncounterStatus | str | None = None) -> list[Encounter]:
        """Return all encounters, or those of one status, by their id."""
        column = tables.encounter.columns
        with self._engine.connect() as connection:
            states = connection.scalars(select(column.state).order_by(column.encounter_id)).all()
        found = [decode_encounter(state) for state in states]
        return [encounter for encounter in found if status is None or encounter.status == status]

    def units(self) -> list[UnitKey]:
        """Return facility and unit of every unit that the hospital file or a fact names."""
        column = tables.unit_stay.columns
        with self._engine.connect() as connection:
            seen = connection.execute(select(column.facility_id, column.unit_id).distinct()).all()
        return sorted(set(self.hospital.units) | {(row.facility_id, row.unit_id) for row in seen})

    def board(self, unit_id: str, facility_id: str | None = None) -> CapacityMetrics:
        """Return a unit's census, occupancy and beds, as the bed board shows them.

        Raises
        ------
        UsageError
            When the unit is not known, or two facilities have one of that name.
        """
        return self._boards([self._unit(unit_id, facility_id)])[0]

    def bed(self, unit_id: str, bed_id: str, facility_id: str | None = None) -> BedOnBoard:
        """Return one bed.

        Raises
        ------
        KeyError
            When the unit has no such bed.
        """
        for bed in self.board(unit_id, facility_id).beds:
            if bed.bed_id == bed_id:
                return bed
        raise KeyError(bed_id)

    def census(self, unit_id: str | None = None, facility_id: str | None = None) -> int:
        """Return the number of patients in a unit, or in the hospital."""
        wanted = self.units() if unit_id is None else [self._unit(unit_id, facility_id)]
        return sum(board.census for board in self._boards(wanted))

    def conflicts(self) -> dict[str, tuple[str, ...]]:
        """Return the further encounters that claim an occupied bed, by unit/bed."""
        return {
            f"{board.unit_id}/{bed.bed_id}": bed.conflicts
            for board in self._boards(self.units())
            for bed in board.beds
            if bed.conflicts
        }

    def alerts(self, status: str | None = None) -> list[Alert]:
        """Return alerts, the highest risk first; none without a model."""
        column = tables.alert.columns
        query = select(column.encounter_id, column.status, column.readmission_risk)
        query = query.order_by(column.readmission_risk.desc(), column.encounter_id)
        with self._engine.connect() as connection:
            found = [Alert(*row) for row in connection.execute(query)]
        return [alert for alert in found if status is None or alert.status == status]

    def findings(self) -> list[Finding]:
        """Return the data-quality list at the time of the last record."""
        with self._engine.connect() as connection:
            return findings(connection, self.hospital, self.now)

    def dead_letters(self) -> list[str]:
        """Return the reasons of the dead letters."""
        column = tables.dead_letter.columns
        with self._engine.connect() as connection:
            return list(connection.scalars(select(column.reason).order_by(column.offset)))

    def _boards(self, units: Sequence[UnitKey]) -> list[CapacityMetrics]:
        with self._engine.connect() as connection:
            found = CapacityStore().unit_facts(connection, set(units), self.now)
        metrics = {(unit.facility_id, unit.unit_id): unit_metrics(unit, self.hospital, self.now) for unit in found}
        return [metrics[unit] for unit in units]

    def _unit(self, unit_id: str, facility_id: str | None) -> UnitKey:
        found = [unit for unit in self.units() if unit[1] == unit_id and facility_id in (None, unit[0])]
        if len(found) != 1:
            names = ", ".join("/".join(unit) for unit in self.units())
            raise UsageError(f"{len(found)} units are called {unit_id}. Choose one of: {names}.")
        return found[0]


class _Peekable:
    """Iterator of records whose next one can be left for later."""

    def __init__(self, records: Iterator[Outgoing]) -> None:
        self._records = records
        self._left: Outgoing | None = None

    def take(self, until: datetime | None) -> Outgoing | None:
        """Return the next record, or None if it is later than `until` or there is none left."""
        record = self._left or next(self._records, None)
        self._left = None
        at = record.recorded_at if record is not None else None
        if until is not None and at is not None and at > until:
            self._left, record = record, None
        return record
