"""A small hospital and metrics of its units, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, update

from dashboard.context import Context
from dashboard.data.cache import ShortMemory
from dashboard.live.hub import Hub
from models.bedside.charlson import WEIGHTS_1987, WEIGHTS_2011, charlson_score
from models.bedside.elixhauser import elixhauser_score
from models.bedside.hospital_score import hospital_score, simplified_hospital_score
from models.bedside.items import Amount, Conditions, encode_scores
from models.bedside.lace import lace
from models.bedside.two_admissions import two_admissions
from schemas import tables
from schemas.events import AnyFact, BedStatus, PatientClass, Sex, digest, encode_fact
from schemas.hospital import Hospital, parse_hospital
from schemas.settings import load_settings
from schemas.state import Encounter, EncounterStatus, UnitStay, encode_encounter
from schemas.topics import BedOnBoard, CapacityMetrics
from streams.store import partitions

HOSPITAL_YAML = b"""
facilities:
  - facility_id: TH
    name: Test House
    time_zone: Europe/Berlin
    cleaning_minutes: 45
    units:
      - {unit_id: ED, name: Emergency, type: emergency, licensed_beds: 4}
      - {unit_id: MED, name: Medicine, specialty: General medicine, type: medical_surgical, licensed_beds: 10}
      - {unit_id: SUR, name: Surgery, type: medical_surgical, licensed_beds: 4, staffed_beds: 3}
"""

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
_encode = msgspec.json.Encoder().encode


def hospital() -> Hospital:
    return parse_hospital(HOSPITAL_YAML, "test_house.yaml")


def bed(bed_id: str, status: str = "available", *, since: datetime | None = None, **more: Any) -> BedOnBoard:
    return BedOnBoard(bed_id=bed_id, status=BedStatus(status), since=since, **more)


def taken(bed_id: str, encounter_id: str, *, since: datetime = NOON - HOUR, **more: Any) -> BedOnBoard:
    return bed(bed_id, "occupied", since=since, encounter_id=encounter_id, arrived_at=since, **more)


def metrics(
    unit_id: str,
    beds: tuple[BedOnBoard, ...] = (),
    *,
    census: int | None = None,
    staffed: int = 10,
    as_of: datetime = NOON,
    without_bed: int = 0,
    hours: tuple[int, ...] | None = None,
    facility_id: str = "TH",
) -> CapacityMetrics:
    count = {status: sum(one.status is status for one in beds) for status in BedStatus}
    present = count[BedStatus.OCCUPIED] + without_bed if census is None else census
    return CapacityMetrics(
        facility_id=facility_id,
        unit_id=unit_id,
        as_of=as_of,
        census=present,
        staffed_beds=staffed,
        occupancy=present / staffed if staffed else None,
        available=count[BedStatus.AVAILABLE],
        dirty=count[BedStatus.DIRTY],
        cleaning=count[BedStatus.CLEANING],
        reserved=count[BedStatus.RESERVED],
        blocked=count[BedStatus.BLOCKED],
        unstaffed=count[BedStatus.UNSTAFFED],
        conflicts=sum(len(one.conflicts) for one in beds),
        without_bed=without_bed,
        beds=beds,
        census_by_hour=(present,) * 24 if hours is None else hours,
    )


def save_metrics(connection: Connection, metric: CapacityMetrics) -> None:
    connection.execute(
        insert(tables.unit_capacity).values(
            facility_id=metric.facility_id, unit_id=metric.unit_id, as_of=metric.as_of, metrics=_encode(metric)
        )
    )


def save_encounter(
    connection: Connection, encounter_id: str, token: str, *, bed_id: str | None = None, discharged: bool = False
) -> None:
    stay = UnitStay(facility_id="TH", unit_id="MED", bed_id=bed_id, arrived_at=NOON - 30 * HOUR)
    state = Encounter(
        encounter_id=encounter_id,
        patient_token=token,
        status=EncounterStatus.DISCHARGED if discharged else EncounterStatus.IN_PROGRESS,
        patient_class=PatientClass.INPATIENT,
        admitted_at=NOON - 30 * HOUR,
        discharged_at=NOON - HOUR if discharged else None,
        age_years=71,
        sex=Sex.FEMALE,
        unit_stays=(stay,),
    )
    connection.execute(
        insert(tables.encounter).values(
            encounter_id=encounter_id,
            patient_token=token,
            status=state.status.value,
            patient_class="inpatient",
            admitted_at=state.admitted_at,
            discharged_at=state.discharged_at,
            version=1,
            state=encode_encounter(state),
        )
    )


BEDSIDE = (
    lace(
        length_of_stay_days=Amount(4.5),
        emergent=True,
        conditions=Conditions(frozenset({"heart_failure", "diabetes"})),
        ed_visits_past_6_months=Amount(1),
    ),
    hospital_score(
        haemoglobin_g_dl=None,
        oncology_service=False,
        sodium_mmol_l=133,
        procedure=None,
        urgent=True,
        admissions_past_12_months=Amount(1),
        length_of_stay_days=Amount(4.5),
    ),
    simplified_hospital_score(
        haemoglobin_g_dl=None,
        conditions=Conditions(frozenset({"heart_failure", "diabetes"})),
        sodium_mmol_l=133,
        urgent=True,
        admissions_past_12_months=Amount(1),
        length_of_stay_days=Amount(4.5),
    ),
    two_admissions(Amount(1)),
    charlson_score("charlson_1987", Conditions(frozenset({"heart_failure", "diabetes"})), WEIGHTS_1987),
    charlson_score("charlson_2011", Conditions(frozenset()), WEIGHTS_2011),
    elixhauser_score("elixhauser_readmission", None),
)
REASONS = [
    {"feature": "a", "label": "Admissions in 12 months", "value": "3", "contribution": 0.8},
    {"feature": "b", "label": "Heart failure", "value": "yes", "contribution": 0.4},
    {"feature": "c", "label": "Age", "value": "71", "contribution": -0.2},
]


def save_alert(
    connection: Connection,
    encounter_id: str,
    token: str,
    *,
    risk: float = 0.5,
    status: str = "new",
    version: int = 1,
    acknowledged_at: datetime | None = None,
    acknowledged_by: str | None = None,
    moment: str = "discharge",
) -> None:
    connection.execute(
        insert(tables.alert).values(
            encounter_id=encounter_id,
            patient_token=token,
            status=status,
            band="high",
            readmission_risk=risk,
            reasons=_encode(REASONS),
            moment=moment,
            raised_at=NOON - HOUR,
            changed_at=NOON - HOUR,
            acknowledged_at=acknowledged_at,
            acknowledged_by=acknowledged_by,
            version=version,
        )
    )


def save_score(
    connection: Connection, encounter_id: str, token: str, *, as_of: datetime, risk: float, moment: str = "discharge"
) -> None:
    connection.execute(
        insert(tables.score).values(
            encounter_id=encounter_id,
            moment=moment,
            as_of=as_of,
            patient_token=token,
            batch_risk=risk + 0.1,
            online_risk=risk - 0.1,
            readmission_risk=risk,
            batch_model="logistic 2026-03-01",
            online_version=7,
            features=b"{}",
            reasons=_encode(REASONS),
            bedside=encode_scores(BEDSIDE),
        )
    )


def save_letters(connection: Connection, number: int) -> None:
    """Save dead letters of a topic of their own, with a long reason and a long line."""
    for offset in range(number):
        line = b"PV1|1|?|" + b"A-LONG-FIELD-OF-A-MESSAGE-" * 12
        connection.execute(
            insert(tables.dead_letter).values(
                topic="letters.of.tests",
                partition=0,
                offset=offset,
                digest=offset,
                received_at=NOON - offset * MINUTE,
                reason="PV1-2: a word of another system that is not a patient class. Send E, I, O, P, R, B or C.",
                value=b"MSH|^~\\&|HIS|TH|||20260310||ADT^A01|5|P|2.5\rPID|1||42||Doe^Jane\r" + line,
            )
        )


def drop_letters(connection: Connection) -> None:
    """Delete what `save_letters` saved."""
    column = tables.dead_letter.columns
    connection.execute(delete(tables.dead_letter).where(column.topic == "letters.of.tests"))


def save_finding(
    connection: Connection,
    kind: str,
    subject: str,
    says: str,
    *,
    since: datetime | None = None,
    bed_id: str | None = None,
    looked_at: datetime = NOON,
) -> None:
    connection.execute(
        insert(tables.finding).values(
            part="state",
            kind=kind,
            subject=subject,
            says=says,
            since=since,
            facility_id="TH" if bed_id else None,
            unit_id="MED" if bed_id else None,
            bed_id=bed_id,
        )
    )
    known = tables.finding_look.columns.part == "state"
    if connection.execute(update(tables.finding_look).where(known).values(looked_at=looked_at)).rowcount == 0:
        connection.execute(insert(tables.finding_look).values(part="state", looked_at=looked_at, event_time=NOON))


def save_facts(connection: Connection, *facts: AnyFact) -> None:
    partitions.ensure(connection, [fact.recorded_at for fact in facts])
    for fact in facts:
        body = encode_fact(fact)
        values = {"subject": fact.subject, "source": fact.source, "event_id": fact.id, "digest": digest(body)}
        times = {"occurred_at": fact.occurred_at, "received_at": fact.recorded_at}
        connection.execute(insert(tables.fact).values(**values, **times, body=body))


def save_model_and_fact(connection: Connection) -> None:
    partitions.ensure(connection, [NOON])
    connection.execute(
        insert(tables.batch_model).values(
            name="logistic", trained_at=NOON, risk_threshold=0.3, report=b"{}", artifact=b""
        )
    )
    connection.execute(
        insert(tables.fact).values(
            subject="E1", source="test", event_id="1", digest=1, occurred_at=NOON, received_at=NOON, body=b"{}"
        )
    )


def context_of(engine: Engine, folder: Path) -> Context:
    settings = load_settings(data_dir=folder)
    return Context(settings, hospital(), engine, Hub(hospital(), "test"), ShortMemory(0))
