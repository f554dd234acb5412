"""Effects of the risk, labels and capacity agents on SQL, on every engine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from models.bedside.catalogue import headline
from models.bedside.items import decode_scores
from models.moments import Moment
from models.readmission.batch import BatchModel
from models.readmission.train import train
from models.registry import load_online_model, online_version, save_batch_model
from schemas import events, tables
from schemas.events import (
    AdmissionType,
    AnyFact,
    BedStatus,
    BedStatusChanged,
    Diagnosis,
    PatientClass,
    encode_fact,
)
from schemas.hospital import load_hospital
from schemas.state import EncounterStatus
from schemas.topics import CapacityMetrics, EncounterChanged, UnitChanged
from simulators.hospital import simulate
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.capacity.agent import Capacity
from streams.fold.encounter import fold
from streams.risk import outcomes, score_store, scoring
from streams.store.watermarks import add_hours, observed_since
from streams.worker.transactions import Transactions
from tests.streams.builders import (
    T0,
    admit,
    at,
    bed,
    cancel_admission,
    discharge,
    merge,
    observe,
    of_patient,
    said,
    transfer,
    update,
)

EMERGENCY = PatientClass.EMERGENCY
LATENESS = timedelta(days=2)
DUE = (3 + 31 + 2) * 24
"""Hours until the outcome of `STAY` is due. It ends at 03:00 on day 3; the whole of 30 days and the lateness pass."""


@pytest.fixture(scope="module")
def model() -> BatchModel:
    about: dict[str, list[Any]] = {}
    for fact in simulate(load_hospital(), seed=9, start=T0 - timedelta(days=200), days=90):
        if not isinstance(fact, BedStatusChanged):
            about.setdefault(fact.subject, []).append(fact)
    histories: dict[str, list[Any]] = {}
    for facts in about.values():
        encounter = fold(facts)
        assert encounter is not None
        histories.setdefault(encounter.patient_token, []).append(encounter)
    return train(list(histories.values()), alert_share=0.1, seed=1, trained_at=T0)


def take(engine: Engine, *facts: AnyFact) -> None:
    records = [
        Record("adt.events.v1", 0, number, fact.partition_key.encode(), encode_fact(fact))
        for number, fact in enumerate(facts)
    ]
    ingest(engine, [Fetch(records, True)], clock=lambda: T0)


def use(engine: Engine, model: BatchModel) -> scoring.Scoring:
    with engine.begin() as connection:
        save_batch_model(connection, model)
    return scoring.Scoring(lambda: T0)


def rows(engine: Engine, table: Any, *columns: str) -> list[Any]:
    with engine.connect() as connection:
        return sorted(tuple(row) for row in connection.execute(select(*(table.columns[name] for name in columns))))


STAY: list[AnyFact] = [
    admit(0, "ED/01", patient_class=PatientClass.EMERGENCY, age_years=71),
    transfer(5, "4W/01", patient_class=PatientClass.INPATIENT),
    discharge(75),
]


def test_a_stay_is_scored_at_admission_midnights_and_discharge_once(engine: Engine, model: BatchModel) -> None:
    take(engine, *STAY, *(admit(200 + number, e=f"later{number}", p="P9") for number in range(3)))
    scoring = use(engine, model)
    assert scoring.score_changed(engine, {"E1"}) == 2
    assert scoring.score_changed(engine, {"E1"}) == 0
    with engine.begin() as connection:
        from streams.risk.score_store import save_scored_until

        save_scored_until(connection, at(0))
    while scoring.passed_midnights(engine):
        pass
    found = [(moment, as_of) for _, moment, as_of in rows(engine, tables.score, "encounter_id", "moment", "as_of")]
    assert found == [
        (Moment.ADMISSION, at(5)),
        (Moment.DISCHARGE, at(75)),
        (Moment.MIDNIGHT, at(24)),
        (Moment.MIDNIGHT, at(48)),
        (Moment.MIDNIGHT, at(72)),
    ]


def test_features_are_frozen_as_they_were_when_the_score_was_due(engine: Engine, model: BatchModel) -> None:
    take(engine, *STAY)
    use(engine, model).score_changed(engine, {"E1"})
    by_moment = {moment: msgspec.json.decode(raw) for moment, raw in rows(engine, tables.score, "moment", "features")}
    assert by_moment["admission"]["discharge_disposition"] is None
    assert by_moment["discharge"]["discharge_disposition"] == "01"
    assert by_moment["discharge"]["length_of_stay_days"] == pytest.approx(75 / 24)


def test_the_bedside_scores_are_stored_beside_the_risk(engine: Engine, model: BatchModel) -> None:
    visits = [
        fact
        for number in range(4)
        for fact in (
            said(events.PatientRegistered, -9000 + 24 * number, "ED/01", e=f"V{number}", patient_class=EMERGENCY),
            discharge(-8999 + 24 * number, e=f"V{number}"),
        )
    ]
    coded = [Diagnosis(code="I50.9"), Diagnosis(code="E11.9")]
    urgent = admit(0, "ED/01", patient_class=PatientClass.INPATIENT, admission_type=AdmissionType.URGENT)
    take(engine, *visits, urgent, update(70, diagnoses=tuple(coded)), discharge(75))
    use(engine, model).score_changed(engine, {"E1"})
    stored = {moment: decode_scores(raw) for moment, raw in rows(engine, tables.score, "moment", "bedside")}
    assert {moment: [headline(score) for score in scores[:4]] for moment, scores in stored.items()} == {
        "admission": [
            "LACE 3 to 15 of 19, not high or high",  # three days and no code yet
            "HOSPITAL 1 to 8 of 13, low to high",
            "Simplified HOSPITAL 1 to 7 of 12",
            "Two or more admissions in 12 months: no",
        ],
        "discharge": [
            "LACE 9 of 19, not high",  # 3 days: 3; urgent: 3; heart failure and diabetes: 3; the visits were a year ago
            "HOSPITAL 1 to 6 of 13, low or intermediate",
            "Simplified HOSPITAL 1 to 3 of 12",
            "Two or more admissions in 12 months: no",
        ],
    }


def test_the_last_results_before_the_discharge_are_items_of_hospital(engine: Engine, model: BatchModel) -> None:
    results = [observe(10, "718-7", 13.0), observe(50, "718-7", 10.5), observe(60, "2951-2", 138.0)]
    take(engine, results[0], *STAY, *results[1:])
    use(engine, model).score_changed(engine, {"E1"})
    found = {
        moment: {item.key: (item.value, item.low, item.high) for item in decode_scores(raw)[1].items}
        for moment, raw in rows(engine, tables.score, "moment", "bedside")
    }
    assert found["discharge"]["haemoglobin"] == ("10.5 g/dL", 1, 1)
    assert found["discharge"]["sodium"] == ("138 mmol/L", 0, 0)
    assert found["admission"]["haemoglobin"] == (None, 0, 1)


def test_what_a_feed_has_not_covered_is_stored_as_not_known(engine: Engine, model: BatchModel) -> None:
    take(engine, *STAY)
    use(engine, model).score_changed(engine, {"E1"})
    stored = {moment: decode_scores(raw) for moment, raw in rows(engine, tables.score, "moment", "bedside")}
    assert "ed_visits" in stored["discharge"][0].missing
    assert "admissions" in stored["discharge"][1].missing
    assert headline(stored["discharge"][3]) == "Two or more admissions in 12 months: not known"


def test_the_feed_is_observed_from_its_third_fact_or_its_first_thousandth(engine: Engine) -> None:
    with engine.begin() as connection:
        assert observed_since(connection) is None
        add_hours(connection, {(at(-90_000), 0): 2})  # two facts with a wrong clock
        assert observed_since(connection) is None
        add_hours(connection, {(at(0), 0): 1_500, (at(1), 1): 2_500, (at(0), 1): 1})
        assert observed_since(connection) == at(0)
        add_hours(connection, {(at(-80_000), 0): 4})
        assert observed_since(connection) == at(-80_000)


def test_without_a_model_nothing_is_scored(engine: Engine) -> None:
    take(engine, *STAY)
    assert scoring.Scoring(lambda: T0).score_changed(engine, {"E1"}) == 0


def test_a_high_risk_raises_one_alert_and_shows_on_the_board(
    engine: Engine, model: BatchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchModel, "risk_threshold", property(lambda _model: 0.0))
    take(engine, *STAY[:2])
    scoring = use(engine, model)
    with engine.begin() as connection:
        connection.execute(tables.outbox.delete())
    assert scoring.score_changed(engine, {"E1"}) == 1
    assert rows(engine, tables.alert, "encounter_id", "status", "moment") == [("E1", "new", "admission")]
    messages = rows(engine, tables.outbox, "topic", "key")
    assert messages == [("alerts.changed.v1", b"P1"), ("units.changed.v1", b"HG/4W")]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param([discharge(75, "20")], id="who died"),
        pytest.param([cancel_admission(10)], id="whose admission was cancelled"),
        pytest.param([said(events.EncounterDeleted, 10)], id="whose visit was deleted"),
        pytest.param(
            [said(events.PatientClassChanged, 10, patient_class=PatientClass.OUTPATIENT)], id="who became an outpatient"
        ),
        pytest.param([said(events.EncountersMerged, 10, into="E2")], id="whose visit was merged into another"),
    ],
)
def test_the_alert_of_a_patient_who_cannot_be_followed_up_is_closed(
    engine: Engine, model: BatchModel, monkeypatch: pytest.MonkeyPatch, end: list[AnyFact]
) -> None:
    monkeypatch.setattr(BatchModel, "risk_threshold", property(lambda _model: 0.0))
    take(engine, admit(0, "4W/01", patient_class=PatientClass.INPATIENT, age_years=71))
    scoring = use(engine, model)
    scoring.score_changed(engine, {"E1"})
    assert rows(engine, tables.alert, "encounter_id", "status") == [("E1", "new")]
    take(engine, *end)
    scoring.score_changed(engine, {"E1"})
    assert rows(engine, tables.alert, "encounter_id", "status") == [("E1", "closed")]


GIVEN_UP: dict[str, list[AnyFact]] = {
    "elsewhere under another number": [admit(30, "5E/07", e="E2", p="P1", patient_class=PatientClass.INPATIENT)],
    "elsewhere, and gone since": [
        admit(30, "5E/07", e="E2", p="P1", patient_class=PatientClass.INPATIENT),
        discharge(40, e="E2", p="P1"),
    ],
    "elsewhere as another patient, merged later": [
        admit(30, "5E/07", e="E2", p="P2", patient_class=PatientClass.INPATIENT),
        merge(50, "P2", "P1"),
    ],
}


@pytest.mark.parametrize("elsewhere", list(GIVEN_UP.values()), ids=list(GIVEN_UP))
@pytest.mark.parametrize("is_noticed_at", ["the change", "midnight"])
def test_a_stay_that_was_given_up_is_neither_scored_nor_on_the_worklist(
    engine: Engine, model: BatchModel, monkeypatch: pytest.MonkeyPatch, elsewhere: list[AnyFact], is_noticed_at: str
) -> None:
    monkeypatch.setattr(BatchModel, "risk_threshold", property(lambda _model: 0.0))
    take(engine, admit(1, "4W/01", patient_class=PatientClass.INPATIENT, age_years=71))
    scoring = use(engine, model)
    scoring.score_changed(engine, {"E1"})
    assert rows(engine, tables.alert, "encounter_id", "status") == [("E1", "new")]
    take(engine, *elsewhere, *(admit(200 + number, e=f"later{number}", p="P9") for number in range(3)))
    if is_noticed_at == "the change":
        scoring.score_changed(engine, {"E2"})
        assert dict(rows(engine, tables.alert, "encounter_id", "status"))["E1"] == "closed"
    with engine.begin() as connection:
        score_store.save_scored_until(connection, at(47))
    while scoring.passed_midnights(engine):
        pass
    assert dict(rows(engine, tables.alert, "encounter_id", "status"))["E1"] == "closed"
    issued = rows(engine, tables.score, "encounter_id", "moment", "as_of")
    assert [row[1:] for row in issued if row[0] == "E1"] == [(Moment.ADMISSION, at(1))]
    assert scoring.score_changed(engine, {"E1"}) == 0
    assert scoring.score_changed(engine, {"E1"}, {"E1": at(60)}) == 0


def test_a_stay_is_scored_again_when_the_other_one_was_an_error(
    engine: Engine, model: BatchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchModel, "risk_threshold", property(lambda _model: 0.0))
    take(engine, admit(1, "4W/01", patient_class=PatientClass.INPATIENT, age_years=71))
    scoring = use(engine, model)
    scoring.score_changed(engine, {"E1"})
    take(engine, admit(30, "5E/07", e="E2", p="P1", patient_class=PatientClass.INPATIENT))
    scoring.score_changed(engine, {"E2"})
    take(engine, cancel_admission(31, e="E2", p="P1"))
    take(engine, *(admit(60 + number, e=f"later{number}", p="P9") for number in range(3)))
    with engine.begin() as connection:
        score_store.save_scored_until(connection, at(47))
    while scoring.passed_midnights(engine):
        pass
    assert dict(rows(engine, tables.alert, "encounter_id", "status"))["E1"] == "new"


def test_a_visit_by_day_takes_no_inpatient_off_the_worklist(
    engine: Engine, model: BatchModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchModel, "risk_threshold", property(lambda _model: 0.0))
    take(engine, admit(1, "4W/01", patient_class=PatientClass.INPATIENT, age_years=71))
    scoring = use(engine, model)
    scoring.score_changed(engine, {"E1"})
    take(engine, said(events.PatientRegistered, 20, "DIAL", e="E2", p="P1", patient_class=PatientClass.OUTPATIENT))
    scoring.score_changed(engine, {"E1", "E2"})
    assert rows(engine, tables.alert, "encounter_id", "status") == [("E1", "new")]


def died(hours: float, died_at: float, patient: str = "P1") -> AnyFact:
    fact: AnyFact = of_patient(events.PatientUpdated, hours, patient, died_at=at(died_at))
    return fact


@pytest.mark.parametrize("known_as", ["P1", "P0"])
def test_a_death_after_the_discharge_closes_the_alert_and_is_not_a_readmission(
    engine: Engine, model: BatchModel, monkeypatch: pytest.MonkeyPatch, known_as: str
) -> None:
    monkeypatch.setattr(BatchModel, "risk_threshold", property(lambda _model: 0.0))
    take(engine, *STAY, merge(76, "P0", "P1"))
    scoring = use(engine, model)
    scoring.score_changed(engine, {"E1"})
    track_index_stays(engine, "E1")
    assert rows(engine, tables.alert, "encounter_id", "status") == [("E1", "new")]
    with engine.begin() as connection:
        connection.execute(tables.outbox.delete())
    take(engine, died(500, 400, known_as))
    assert ("encounters.changed.v1", b"P1") in rows(engine, tables.outbox, "topic", "key")
    scoring.score_changed(engine, {"E1"})
    track_index_stays(engine, "E1")
    assert rows(engine, tables.alert, "encounter_id", "status") == [("E1", "closed")]
    assert rows(engine, tables.encounter, "encounter_id", "status") == [("E1", "discharged")]
    take(engine, *(admit(DUE + 1, "5E/01", e=f"y{number}", p="P9") for number in range(3)))
    assert outcomes.OutcomeTrainer(lambda: T0).release_due(engine) == 1
    assert rows(engine, tables.label, "encounter_id", "readmitted_30d") == [("E1", False)]


def test_a_death_before_the_discharge_that_is_reported_later_makes_it_no_index_stay(engine: Engine) -> None:
    take(engine, *STAY)
    track_index_stays(engine, "E1")
    assert rows(engine, tables.label, "encounter_id") == [("E1",)]
    take(engine, died(500, 74))
    track_index_stays(engine, "E1")
    assert rows(engine, tables.label, "encounter_id") == []


def track_index_stays(engine: Engine, encounter_id: str) -> None:
    change = EncounterChanged(
        encounter_id=encounter_id,
        patient_token="P1",
        status=EncounterStatus.DISCHARGED,
        patient_class=PatientClass.INPATIENT,
    )
    outcomes.track_index_stays(engine, [change], LATENESS)


def test_an_outcome_is_released_after_day_30_and_the_lateness_and_learned_once(
    engine: Engine, model: BatchModel
) -> None:
    take(engine, *STAY)
    scoring = use(engine, model)
    scoring.score_changed(engine, {"E1"})
    track_index_stays(engine, "E1")
    trainer = outcomes.OutcomeTrainer(lambda: T0)
    back = [admit(75 + 20 * 24, "4W/02", e="E2", patient_class=PatientClass.INPATIENT, age_years=71)]
    take(engine, *back, *(admit(DUE - 1, "5E/01", e=f"x{number}", p="P9") for number in range(3)))
    assert trainer.release_due(engine) == 0

    take(engine, *(admit(DUE + 1, "5E/01", e=f"y{number}", p="P9") for number in range(3)))
    assert trainer.release_due(engine) == 1
    assert trainer.release_due(engine) == 0
    [(encounter_id, outcome, released_at, prequential)] = rows(
        engine, tables.label, "encounter_id", "readmitted_30d", "released_at", "prequential_risk"
    )
    assert (encounter_id, outcome, released_at) == ("E1", True, T0)
    assert 0 < prequential < 1
    with engine.connect() as connection:
        learnt = load_online_model(connection)
        assert learnt is not None
        assert (learnt.learnt, online_version(connection)) == (1, 1)


def test_a_cancelled_discharge_does_not_wait_for_an_outcome(engine: Engine) -> None:
    take(engine, *STAY)
    track_index_stays(engine, "E1")
    assert len(rows(engine, tables.label, "encounter_id")) == 1
    reopened = EncounterChanged(
        encounter_id="E1",
        patient_token="P1",
        status=EncounterStatus.IN_PROGRESS,
        patient_class=PatientClass.INPATIENT,
    )
    outcomes.track_index_stays(engine, [reopened], LATENESS)
    assert rows(engine, tables.label, "encounter_id") == []


def test_a_hinted_unit_is_computed_from_sql_and_announced(engine: Engine) -> None:
    take(engine, admit(0, "4W/01"), admit(1, "4W/02", e="E2", p="P2"), discharge(3, e="E2", p="P2"))
    take(engine, bed(4, "4W/03", "blocked", reason="leak"))
    with engine.begin() as connection:
        connection.execute(tables.outbox.delete())
    agent = Capacity(Transactions(engine, "test"), load_hospital(), lambda: None, lambda: T0)
    agent.recompute(engine, [UnitChanged(facility_id="HG", unit_id="4W", occurred_at=at(5))])
    [(raw,)] = rows(engine, tables.unit_capacity, "metrics")
    metrics = msgspec.json.decode(raw, type=CapacityMetrics)
    assert (metrics.census, metrics.staffed_beds, metrics.dirty, metrics.blocked) == (1, 26, 1, 1)
    assert [shown.status for shown in metrics.beds[:3]] == [BedStatus.OCCUPIED, BedStatus.DIRTY, BedStatus.BLOCKED]
    assert rows(engine, tables.outbox, "topic", "key", "value") == [("capacity.metrics.v1", b"HG/4W", raw)]


def test_a_merge_issues_a_new_score_with_the_joined_history(engine: Engine, model: BatchModel) -> None:
    inpatient = PatientClass.INPATIENT
    take(engine, admit(-900, e="E0", p="old", patient_class=inpatient, age_years=71), discharge(-800, e="E0", p="old"))
    take(engine, admit(0, patient_class=inpatient, age_years=71))
    scoring = use(engine, model)
    scoring.score_changed(engine, {"E1"})
    take(engine, merge(5, "old", "P1"))
    assert scoring.score_changed(engine, {"E1"}, {"E1": at(5)}) == 1
    by_moment = {moment: msgspec.json.decode(raw) for moment, raw in rows(engine, tables.score, "moment", "features")}
    prior = "admissions_past_12_months"
    assert by_moment["admission"][prior] == 0
    assert by_moment["identity"][prior] == 1


def test_a_merge_corrects_a_released_outcome(engine: Engine) -> None:
    take(engine, *STAY)
    take(engine, admit(200, e="E2", p="other", patient_class=PatientClass.INPATIENT, age_years=71))
    track_index_stays(engine, "E1")
    with engine.begin() as connection:
        connection.execute(tables.label.update().values(released_at=at(999), readmitted_30d=False))
    take(engine, merge(900, "other", "P1"))
    change = EncounterChanged(
        encounter_id="E2",
        patient_token="other",
        status=EncounterStatus.IN_PROGRESS,
        patient_class=PatientClass.INPATIENT,
        identity_changed_at=at(900),
    )
    outcomes.track_index_stays(engine, [change], LATENESS)
    assert rows(engine, tables.label, "encounter_id", "readmitted_30d") == [("E1", True)]
