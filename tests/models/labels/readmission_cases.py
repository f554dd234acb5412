"""Cases of readmissions: the stays of one patient, and the verdict on each.

The tests and docs/reference/readmissions.md use them.

A stay is written as `A 03-02T10:00 03-07T14:00 4W dx=I50.9`: its name, the admission, the discharge (`...` if it has
none), the unit, and further fields by name. Times are those of the hospital's zone, in 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from models.labels.code_sets import CodeSets
from models.labels.planned import Plan
from models.labels.rules import ADULTS, CMS, CRUDE, Counted, Definition, Rules, Window
from models.labels.verdicts import Outcome, Verdict, verdicts
from schemas.events import PatientClass, Sex
from schemas.hospital import Care, Facility, Hospital, Unit, UnitType
from schemas.state import Encounter, EncounterStatus, KnownDiagnosis, KnownProcedure, UnitStay

ZONE = ZoneInfo("Europe/Berlin")
"""Of all facilities but AKL. Clocks go forward on 29 March 2026 at 02:00."""


class Case(NamedTuple):
    title: str
    stays: tuple[str, ...]
    verdict: str
    """As `describe` writes it."""
    rules: Rules = ADULTS
    died: str | None = None
    until: str | None = None
    """Time until which returns are known."""


class Group(NamedTuple):
    title: str
    explanation: str
    cases: tuple[Case, ...]
    with_codes: bool = False


def _unit(unit_id: str, kind: UnitType = UnitType.MEDICAL_SURGICAL, care: Care | None = None) -> Unit:
    return Unit(unit_id=unit_id, name=unit_id, type=kind, licensed_beds=10, care=care)


HOSPITAL = Hospital(
    facilities=(
        Facility(
            facility_id="HG",
            name="Harbour General",
            time_zone="Europe/Berlin",
            units=(
                _unit("ED", UnitType.EMERGENCY),
                _unit("4W"),
                _unit("PSY", UnitType.PSYCHIATRIC),
                _unit("REH", care=Care.REHABILITATION),
                _unit("LTC", care=Care.LONG_TERM),
            ),
        ),
        Facility(facility_id="LSG", name="Lakeside", time_zone="Europe/Berlin", units=(_unit("2N"),)),
        Facility(
            facility_id="PRO",
            name="Feed with PR1",
            time_zone="Europe/Berlin",
            units=(_unit("P1"),),
            procedure_feed=True,
        ),
        Facility(
            facility_id="CAN", name="Cancer", time_zone="Europe/Berlin", units=(_unit("C1"),), cancer_hospital=True
        ),
        Facility(facility_id="AKL", name="Auckland", time_zone="Pacific/Auckland", units=(_unit("K1"),)),
    )
)
_FACILITY = {unit.unit_id: facility.facility_id for facility in HOSPITAL.facilities for unit in facility.units}

CODES = CodeSets(
    diagnosis_ccs={
        "I509": 108, "I214": 100, "I2510": 101, "J189": 122, "K8020": 149, "M1711": 203, "Z5111": 45, "Z44001": 254,
        "C3490": 19, "F329": 657, "F200": 659, "S72001A": 226,
    },
    procedure_ccs={
        "02100Z9": 44, "0SRD0J9": 152, "0TY00Z0": 105, "30243G0": 64, "02YA0Z0": 176, "0FT44ZZ": 84, "B2111ZZ": 47,
        "0BTC0ZZ": 36, "027034Z": 45,
    },
    diagnosis_names={108: "Congestive heart failure; nonhypertensive"},
    always_planned_procedures=frozenset({64, 105, 176}),
    always_planned_diagnoses=frozenset({45, 254}),
    potentially_planned_procedures=frozenset({36, 44, 45, 84, 152}),
    potentially_planned_procedure_codes=frozenset({"0TB00ZX"}),
    acute_diagnoses=frozenset({100, 122}),
    acute_diagnosis_codes=frozenset({"I509", "K8020", "S72001A"}),
    excluded_diagnoses={
        19: "Medical Treatment of Cancer", 45: "Medical Treatment of Cancer", 254: "Rehabilitation", 657: "Psychiatric",
        659: "Psychiatric",
    },
    surgical_procedures=frozenset({36, 44, 84, 152}),
)  # fmt: skip
"""The few entries of the real lists that the cases need."""

PROCEDURE = "B2111ZZ"
"""A procedure that is not a planned one: a coronary angiography."""

HOURS = Rules("adults", window=Window.HOURS)
OBSERVATION = Rules("adults", counted=Counted.OBSERVATION)
OR_DEATH = Rules("adults", or_death=True)
INDEX = "A 03-02T10:00 03-07T14:00 4W"

GROUPS: tuple[Group, ...] = (
    Group(
        "Index stays, and the reason of every other stay",
        "An index stay is an acute inpatient stay of an adult who was discharged alive, not against advice, and not to "
        "another acute hospital. Every other stay has its reason. The first reason in the order of this table counts.",
        (
            Case("Home after an inpatient stay", (INDEX,), "A: not readmitted"),
            Case("The admission was cancelled", (f"{INDEX} status=cancelled",), "A: cancelled"),
            Case("Only planned", ("A 03-02T10:00 ... 4W status=planned",), "A: planned"),
            Case("Still in the hospital", ("A 03-02T10:00 ... 4W",), "A: in_progress"),
            Case("An ED visit", ("A 03-02T10:00 03-02T14:00 ED class=emergency",), "A: not_inpatient"),
            Case("Observed for a night", ("A 03-02T10:00 03-03T09:00 4W class=observation",), "A: not_inpatient"),
            Case("A day case", ("A 03-02T10:00 03-02T17:00 4W class=outpatient",), "A: not_inpatient"),
            Case("The admission (A01) is missing", (f"{INDEX} admitted=none",), "A: no_admission"),
            Case(
                "Discharged before the admission", ("A 03-07T14:00 03-02T10:00 4W",), "A: times_out_of_order"
            ),
            Case("Died in the hospital", (f"{INDEX} to=20",), "A: died"),
            Case("Died at home under hospice care", (f"{INDEX} to=40",), "A: died"),
            Case("A death in the stay that was reported later", (INDEX,), "A: died", died="03-07T13:00"),
            Case("A death at the minute of the discharge", (INDEX,), "A: died", died="03-07T14:00"),
            Case("Died a day after the discharge", (INDEX,), "A: not readmitted", died="03-08T14:00"),
            Case("Left against advice", (f"{INDEX} to=07",), "A: against_advice"),
            Case("The same code with one digit", (f"{INDEX} to=7",), "A: against_advice"),
            Case("To another acute hospital", (f"{INDEX} to=02",), "A: transferred_to_acute"),
            Case("To one, with a planned readmission", (f"{INDEX} to=82",), "A: transferred_to_acute"),
            Case("To a critical access hospital", (f"{INDEX} to=66",), "A: transferred_to_acute"),
            Case("To a skilled nursing facility", (f"{INDEX} to=03",), "A: not readmitted"),
            Case("To a hospice", (f"{INDEX} to=51",), "A: not readmitted"),
            Case("To a rehabilitation facility", (f"{INDEX} to=62",), "A: not readmitted"),
            Case("No disposition was reported", (f"{INDEX} to=none",), "A: not readmitted"),
            Case("The age is not known", (f"{INDEX} age=none",), "A: age_unknown"),
            Case("17 years old", (f"{INDEX} age=17",), "A: under_18"),
            Case("18 years old", (f"{INDEX} age=18",), "A: not readmitted"),
            Case("A cancer hospital, by the hospital file", ("A 03-02T10:00 03-07T14:00 C1",), "A: cancer_hospital"),
            Case(
                "The 30 days end after the last known return",
                (INDEX,), "A: follow_up", until="04-06T23:59",
            ),
            Case("The 30 days are just over", (INDEX,), "A: not readmitted", until="04-07T00:00"),
        ),
    ),
    Group(
        "Within 30 days",
        "Days are counted by date, in the zone of the hospital that the patient left: the discharge is day 0, and the "
        "whole of day 30 counts. What counts is the time at which the return became inpatient.",
        (
            Case(
                "A return on day 9", (INDEX, "B 03-16T08:00 ... 4W"), "A: readmitted by B on day 9; B: in_progress"
            ),
            Case(
                "Late on day 30", (INDEX, "B 04-06T23:59 ... 4W"), "A: readmitted by B on day 30; B: in_progress"
            ),
            Case("Early on day 31", (INDEX, "B 04-07T00:00 ... 4W"), "A: not readmitted; B: in_progress"),
            Case(
                "Day 30 across the change of the clocks, at 00:30 after a discharge at 00:10",
                ("A 03-02T10:00 03-07T00:10 4W", "B 04-06T00:30 ... 4W"),
                "A: readmitted by B on day 30; B: in_progress",
            ),
            Case(
                "In the ED on day 30, admitted on day 31",
                (INDEX, "B 04-06T22:00 ... 4W inpatient=04-07T00:30"),
                "A: not readmitted; B: in_progress",
            ),
            Case(
                "The zone is that of the hospital left: in Auckland it is day 31",
                ("A 03-02T10:00 03-07T11:30 K1", "B 04-06T15:00 ... 4W"),
                "A: not readmitted; B: in_progress",
            ),
            Case(
                "30 times 24 hours: at the minute",
                ("A 03-02T10:00 03-07T14:00 4W", "B 04-06T15:00 ... 4W"),
                "A: readmitted by B on day 30; B: in_progress",
                HOURS,
            ),
            Case(
                "30 times 24 hours: a minute later (the clocks went forward in between)",
                ("A 03-02T10:00 03-07T14:00 4W", "B 04-06T15:01 ... 4W"),
                "A: not readmitted; B: in_progress",
                HOURS,
            ),
        ),
    ),
    Group(
        "The return",
        "The first return decides. An admission counts once: as the return of the stay just before it.",
        (
            Case(
                "Each return is a new index stay",
                (INDEX, "B 03-16T08:00 03-20T08:00 4W", "C 04-01T08:00 04-02T08:00 4W"),
                "A: readmitted by B on day 9; B: readmitted by C on day 12; C: not readmitted",
            ),
            Case(
                "Two returns within 30 days count once for the stay before them",
                (INDEX, "B 03-16T08:00 03-18T08:00 4W", "C 03-20T08:00 03-21T08:00 4W"),
                "A: readmitted by B on day 9; B: readmitted by C on day 2; C: not readmitted",
            ),
            Case(
                "A stay before it is no return",
                ("Z 02-01T08:00 02-10T08:00 4W", INDEX),
                "Z: readmitted by A on day 20; A: not readmitted",
            ),
            Case(
                "An ED visit, observation and a cancelled admission are no returns",
                (
                    INDEX,
                    "B 03-10T08:00 03-10T12:00 ED class=emergency",
                    "C 03-12T08:00 03-13T08:00 4W class=observation",
                    "D 03-14T08:00 ... 4W status=cancelled",
                ),
                "A: not readmitted; B: not_inpatient; C: not_inpatient; D: cancelled",
            ),
            Case(
                "A planned admission that has not begun",
                (INDEX, "B 03-16T08:00 ... 4W status=planned"),
                "A: not readmitted; B: planned",
            ),
            Case(
                "A return that ends in death is a return",
                (INDEX, "B 03-16T08:00 03-18T08:00 4W to=20"),
                "A: readmitted by B on day 9; B: died",
            ),
            Case(
                "A return in another hospital after some days",
                (INDEX, "B 03-16T08:00 ... 2N"),
                "A: readmitted by B on day 9; B: in_progress",
            ),
            Case(
                "A return of which only the discharge is known",
                (INDEX, "B 03-16T08:00 03-18T08:00 4W admitted=none"),
                "A: readmitted by B on day 9; B: no_admission",
            ),
            Case(
                "A newborn under the mother's number is not her return",
                ("A 03-02T10:00 03-07T14:00 4W age=30", "B 03-16T08:00 ... 4W age=0 sex=male"),
                "A: not readmitted; B: in_progress",
            ),
            Case(
                "After a stay that is no index stay nothing is counted",
                (f"{INDEX} to=07", "B 03-16T08:00 ... 4W"),
                "A: against_advice; B: in_progress",
            ),
        ),
    ),
    Group(
        "Episodes: transfers, and stays that overlap or touch",
        "A stay that begins in another hospital on the same or the next day is a transfer. A stay that begins before "
        "the end of another one, or in the minute of its discharge, is part of it. The stay with the latest discharge "
        "carries the outcome; the others are `continued`.",
        (
            Case(
                "Elsewhere on the same day",
                (INDEX, "B 03-07T16:00 03-12T10:00 2N"),
                "A: continued; B: not readmitted",
            ),
            Case(
                "Elsewhere late on the next day",
                (INDEX, "B 03-08T23:59 03-12T10:00 2N"),
                "A: continued; B: not readmitted",
            ),
            Case(
                "Elsewhere two days later",
                (INDEX, "B 03-09T00:00 03-12T10:00 2N"),
                "A: readmitted by B on day 2; B: not readmitted",
            ),
            Case(
                "The last hospital has the outcome",
                (INDEX, "B 03-07T16:00 03-12T10:00 2N", "C 03-30T10:00 ... 4W"),
                "A: continued; B: readmitted by C on day 18; C: in_progress",
            ),
            Case(
                "There and back again",
                (INDEX, "B 03-07T16:00 03-08T10:00 2N", "C 03-08T12:00 03-12T10:00 4W"),
                "A: continued; B: continued; C: not readmitted",
            ),
            Case(
                "A return by way of two hospitals counts once",
                (INDEX, "B 03-16T08:00 03-17T08:00 2N", "C 03-17T10:00 03-20T10:00 4W"),
                "A: readmitted by B on day 9; B: continued; C: not readmitted",
            ),
            Case(
                "A transfer with the code for it",
                (f"{INDEX} to=02", "B 03-07T16:00 03-12T10:00 2N"),
                "A: transferred_to_acute; B: not readmitted",
            ),
            Case(
                "Elsewhere in the minute of the discharge",
                (INDEX, "B 03-07T14:00 03-12T10:00 2N"),
                "A: continued; B: not readmitted",
            ),
            Case(
                "At the same hospital in the minute of the discharge, for another condition",
                (f"{INDEX} dx=I50.9", "B 03-07T14:00 03-12T10:00 4W dx=J18.9"),
                "A: continued; B: not readmitted",
            ),
            Case(
                "In the minute of the discharge, the seconds apart",
                ("A 03-02T10:00 03-07T14:00:05 4W", "B 03-07T14:00:50 03-12T10:00 4W"),
                "A: continued; B: not readmitted",
            ),
            Case(
                "At the same hospital a minute later, for another condition",
                (f"{INDEX} dx=I50.9", "B 03-07T14:01 03-12T10:00 4W dx=J18.9"),
                "A: readmitted by B on day 0; B: not readmitted",
            ),
            Case(
                "Two stays that overlap",
                (INDEX, "B 03-06T10:00 03-12T10:00 4W", "C 03-30T10:00 ... 4W"),
                "A: continued; B: readmitted by C on day 18; C: in_progress",
            ),
            Case(
                "A stay within another one: the return counts once",
                (INDEX, "B 03-03T10:00 03-04T10:00 2N", "C 03-30T10:00 ... 4W"),
                "A: readmitted by C on day 23; B: continued; C: in_progress",
            ),
            Case(
                "In the ED before the discharge, inpatient after it",
                (INDEX, "B 03-07T13:00 03-12T10:00 4W inpatient=03-07T18:00"),
                "A: continued; B: not readmitted",
            ),
            Case(
                "Still at the next hospital",
                (INDEX, "B 03-07T16:00 ... 2N"),
                "A: continued; B: in_progress",
            ),
            Case(
                "A stay that was never closed continues in no other one",
                ("A 03-02T10:00 ... 4W", "B 03-20T10:00 03-25T10:00 4W"),
                "A: in_progress; B: not readmitted",
            ),
            Case(
                "Elsewhere on the next day, by the date where the patient was: in Auckland it is the day after",
                ("A 03-02T10:00 03-07T11:30 K1", "B 03-08T12:30 03-12T10:00 4W"),
                "A: readmitted by B on day 2; B: not readmitted",
            ),
            Case(
                "An ED visit elsewhere on the same day is no transfer",
                (INDEX, "B 03-07T16:00 03-07T20:00 ED class=emergency"),
                "A: not readmitted; B: not_inpatient",
            ),
        ),
    ),
    Group(
        "The same day, the same hospital",
        "Back on the day of the discharge for the same condition (the first three characters of the principal "
        "diagnosis), the stay goes on. For another condition it is a readmission.",
        (
            Case(
                "The same condition",
                (f"{INDEX} dx=I50.9", "B 03-07T20:00 03-12T10:00 4W dx=I50.23"),
                "A: continued; B: not readmitted",
            ),
            Case(
                "Another condition",
                (f"{INDEX} dx=I50.9", "B 03-07T20:00 03-12T10:00 4W dx=J18.9"),
                "A: readmitted by B on day 0; B: not readmitted",
            ),
            Case(
                "The same condition, on the next day",
                (f"{INDEX} dx=I50.9", "B 03-08T00:00 03-12T10:00 4W dx=I50.9"),
                "A: readmitted by B on day 1; B: not readmitted",
            ),
            Case(
                "No principal diagnosis",
                (INDEX, "B 03-07T20:00 03-12T10:00 4W"),
                "A: readmitted by B on day 0; B: not readmitted",
            ),
            Case(
                "The same day in UTC, the next day at the hospital",
                ("A 03-02T10:00 03-07T23:30 4W dx=I50.9", "B 03-08T00:30 03-12T10:00 4W dx=I50.9"),
                "A: readmitted by B on day 1; B: not readmitted",
            ),
        ),
    ),
    Group(
        "Acute care only",
        "Stays in rehabilitation, psychiatry and long-term care, by the unit's `care` in the hospital file, are "
        "neither index stays nor returns, and part of no episode.",
        (
            Case("A stay in rehabilitation", ("A 03-02T10:00 03-20T14:00 REH",), "A: rehabilitation_unit"),
            Case("A stay in psychiatry, by the unit's type", ("A 03-02T10:00 03-20T14:00 PSY",), "A: psychiatric_unit"),
            Case("A stay in long-term care", ("A 03-02T10:00 03-20T14:00 LTC",), "A: long_term_unit"),
            Case(
                "From acute care to rehabilitation on the same day",
                (f"{INDEX} to=62", "B 03-07T15:00 03-20T10:00 REH", "C 03-25T10:00 ... 4W"),
                "A: readmitted by C on day 18; B: rehabilitation_unit; C: in_progress",
            ),
            Case(
                "Into psychiatry through the ED",
                ("A 03-02T10:00 03-20T14:00 ED,PSY",),
                "A: psychiatric_unit",
            ),
            Case("From a ward to rehabilitation", ("A 03-02T10:00 03-20T14:00 4W,REH",), "A: not readmitted"),
            Case("A unit that is not in the hospital file", ("A 03-02T10:00 03-07T14:00 9X",), "A: not readmitted"),
            Case("An inpatient who never left the ED", ("A 03-02T10:00 03-07T14:00 ED",), "A: not readmitted"),
        ),
    ),
    Group(
        "Conditions that are excluded",
        "By the CCS category of the principal diagnosis, after `wardwatch codes import`: medical treatment of cancer "
        "(not its surgery), psychiatric conditions, rehabilitation. COVID-19 needs no list.",
        (
            Case("Lung cancer, treated medically", (f"{INDEX} dx=C34.90",), "A: cancer_treatment"),
            Case("Lung cancer, operated on", (f"{INDEX} dx=C34.90 pr=0BTC0ZZ",), "A: not readmitted"),
            Case("Lung cancer as a secondary diagnosis", (f"{INDEX} dx=I50.9 also=C34.90",), "A: not readmitted"),
            Case("Maintenance chemotherapy", (f"{INDEX} dx=Z51.11",), "A: cancer_treatment"),
            Case("Depression", (f"{INDEX} dx=F32.9",), "A: psychiatric"),
            Case("Fitting of a prosthesis", (f"{INDEX} dx=Z44.001",), "A: rehabilitation"),
            Case("COVID-19", (f"{INDEX} dx=U07.1",), "A: covid_19"),
            Case("COVID-19 as a secondary diagnosis, on admission", (f"{INDEX} dx=J18.9 poa=U07.1",), "A: covid_19"),
            Case("COVID-19 caught in the hospital", (f"{INDEX} dx=J18.9 also=U07.1",), "A: not readmitted"),
            Case(
                "A leg for cancer, transferred out with heart failure: the last stay decides",
                (f"{INDEX} dx=C34.90", "B 03-07T16:00 03-12T10:00 2N dx=I50.9"),
                "A: continued; B: not readmitted",
            ),
        ),
        with_codes=True,
    ),
    Group(
        "Planned returns (PRA 4.0)",
        "The first return is planned if (1) a procedure is always planned: CCS 64, 105, 176; (2) the principal "
        "diagnosis is always planned: CCS 45, 254; (3) a procedure is potentially planned and the principal diagnosis "
        "is not acute. A discharge with a code from 81 to 95 announces a planned return. In the facility of unit P1 "
        "the feed reports all procedures (`procedure_feed` of the hospital file).",
        (
            Case(
                "A kidney transplant",
                (INDEX, "B 03-16T08:00 ... 4W dx=I50.9 pr=0TY00Z0"),
                "A: planned return by B on day 9 (planned_procedure_always); B: in_progress",
            ),
            Case(
                "A bone marrow transplant",
                (INDEX, "B 03-16T08:00 ... 4W dx=J18.9 pr=30243G0"),
                "A: planned return by B on day 9 (planned_procedure_always); B: in_progress",
            ),
            Case(
                "Maintenance chemotherapy",
                (INDEX, "B 03-16T08:00 ... 4W dx=Z51.11"),
                "A: planned return by B on day 9 (planned_diagnosis_always); B: in_progress",
            ),
            Case(
                "Rehabilitation as the principal diagnosis",
                (INDEX, "B 03-16T08:00 ... 4W dx=Z44.001"),
                "A: planned return by B on day 9 (planned_diagnosis_always); B: in_progress",
            ),
            Case(
                "A knee replacement for arthrosis",
                (INDEX, "B 03-16T08:00 ... 4W dx=M17.11 pr=0SRD0J9"),
                "A: planned return by B on day 9 (planned_procedure); B: in_progress",
            ),
            Case(
                "A potentially planned procedure by its own code",
                (INDEX, "B 03-16T08:00 ... 4W dx=M17.11 pr=0TB00ZX"),
                "A: planned return by B on day 9 (planned_procedure); B: in_progress",
            ),
            Case(
                "A gall bladder removed for stones, an acute diagnosis by its code",
                (INDEX, "B 03-16T08:00 ... 4W dx=K80.20 pr=0FT44ZZ"),
                "A: readmitted by B on day 9 (unplanned_acute_diagnosis); B: in_progress",
            ),
            Case(
                "A stent for a heart attack, an acute category",
                (INDEX, "B 03-16T08:00 ... 4W dx=I21.4 pr=027034Z"),
                "A: readmitted by B on day 9 (unplanned_acute_diagnosis); B: in_progress",
            ),
            Case(
                "The same stent for chronic heart disease",
                (INDEX, "B 03-16T08:00 ... 4W dx=I25.10 pr=027034Z"),
                "A: planned return by B on day 9 (planned_procedure); B: in_progress",
            ),
            Case(
                "A procedure that is never planned",
                (INDEX, "B 03-16T08:00 ... 4W dx=I25.10 pr=B2111ZZ"),
                "A: readmitted by B on day 9 (unplanned_no_planned_procedure); B: in_progress",
            ),
            Case(
                "No procedure where the feed reports them",
                (INDEX, "B 03-16T08:00 ... P1 dx=J18.9"),
                "A: readmitted by B on day 9 (unplanned_no_planned_procedure); B: in_progress",
            ),
            Case(
                "No procedure codes where the feed does not report them",
                (INDEX, "B 03-16T08:00 ... 4W dx=J18.9"),
                "A: readmitted by B on day 9 (not_known_no_procedures); B: in_progress",
            ),
            Case(
                "Procedures in another coding system",
                (INDEX, "B 03-16T08:00 ... 4W dx=M17.11 cpt=27447"),
                "A: readmitted by B on day 9 (not_known_no_procedures); B: in_progress",
            ),
            Case(
                "A procedure, but no principal diagnosis",
                (INDEX, "B 03-16T08:00 ... 4W pr=0SRD0J9"),
                "A: readmitted by B on day 9 (not_known_no_principal_diagnosis); B: in_progress",
            ),
            Case(
                "A procedure that the map lacks",
                (INDEX, "B 03-16T08:00 ... 4W dx=I25.10 pr=XW0DXR9"),
                "A: readmitted by B on day 9 (not_known_code_not_mapped); B: in_progress",
            ),
            Case(
                "A principal diagnosis that the map lacks",
                (INDEX, "B 03-16T08:00 ... 4W dx=U07.1 pr=0SRD0J9"),
                "A: readmitted by B on day 9 (not_known_code_not_mapped); B: in_progress",
            ),
            Case(
                "Discharged with a planned readmission (81)",
                (f"{INDEX} to=81", "B 03-16T08:00 ... 4W dx=J18.9"),
                "A: planned return by B on day 9 (planned_at_discharge); B: in_progress",
            ),
            Case(
                "Discharged to home care with a planned readmission (86) that did not come",
                (f"{INDEX} to=86",),
                "A: not readmitted",
            ),
            Case(
                "After a planned return, an unplanned one within the 30 days does not count for the first stay",
                (
                    INDEX,
                    "B 03-16T08:00 03-18T08:00 4W dx=M17.11 pr=0SRD0J9",
                    "C 03-20T08:00 ... 4W dx=J18.9 pr=B2111ZZ",
                ),
                "A: planned return by B on day 9 (planned_procedure); "
                "B: readmitted by C on day 2 (unplanned_no_planned_procedure); C: in_progress",
            ),
            Case(
                "Of a return by way of two hospitals the first stay decides",
                (
                    INDEX,
                    "B 03-16T08:00 03-17T08:00 2N dx=J18.9 pr=B2111ZZ",
                    "C 03-17T10:00 ... 4W dx=M17.11 pr=0SRD0J9",
                ),
                "A: readmitted by B on day 9 (unplanned_no_planned_procedure); B: continued; C: in_progress",
            ),
        ),
        with_codes=True,
    ),
    Group(
        "Variants",
        "The default is `adults`. `--rules cms` takes those of 65 and over; `--observation` counts observation stays "
        "as index stays and returns; `--or-death` counts a death within the 30 days; `--rules crude` counts each "
        "discharge of a living patient by itself, of every class but outpatient.",
        (
            Case("64 years old, for CMS", (f"{INDEX} age=64",), "A: under_age", CMS),
            Case("65 years old, for CMS", (f"{INDEX} age=65",), "A: not readmitted", CMS),
            Case("17 years old, for CMS", (f"{INDEX} age=17",), "A: under_18", CMS),
            Case(
                "A return for observation, counted",
                (INDEX, "B 03-12T08:00 03-13T08:00 4W class=observation"),
                "A: readmitted by B on day 5; B: not readmitted",
                OBSERVATION,
            ),
            Case(
                "Observation, then inpatient elsewhere on the next day",
                ("A 03-06T10:00 03-07T14:00 4W class=observation", "B 03-08T10:00 03-12T08:00 2N"),
                "A: continued; B: not readmitted",
                OBSERVATION,
            ),
            Case("Died on day 30, counted", (INDEX,), "A: died within 30 days", OR_DEATH, died="04-06T20:00"),
            Case("Died on day 31", (INDEX,), "A: not readmitted", OR_DEATH, died="04-07T00:00"),
            Case(
                "Returned and died: the return counts",
                (INDEX, "B 03-16T08:00 03-18T08:00 4W to=20"),
                "A: readmitted by B on day 9; B: died",
                OR_DEATH,
                died="03-18T08:00",
            ),
            Case(
                "Crude: a transfer is a return",
                (f"{INDEX} to=02", "B 03-07T14:00 03-12T10:00 2N"),
                "A: readmitted by B on day 0; B: not readmitted",
                CRUDE,
            ),
            Case(
                "Crude: a child, an ED visit, against advice",
                (
                    "A 03-02T10:00 03-07T14:00 4W age=5 to=07",
                    "B 03-09T10:00 03-09T14:00 ED class=emergency age=5",
                ),
                "A: readmitted by B on day 2; B: not readmitted",
                CRUDE,
            ),
            Case("Crude: died", (f"{INDEX} to=20",), "A: died", CRUDE),
        ),
    ),
)  # fmt: skip


class Sent(NamedTuple):
    """The text of a stay, taken apart."""

    name: str
    admitted: str
    left: str | None
    units: tuple[str, ...]
    fields: dict[str, str]


def read(text: str) -> Sent:
    name, admitted, left, units, *others = text.split()
    fields = dict(other.split("=") for other in others)
    return Sent(name, admitted, None if left == "..." else left, tuple(units.split(",")), fields)


def time(text: str) -> datetime:
    """An instant of 2026, in UTC."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZONE).astimezone(UTC)


def stay(text: str) -> Encounter:
    sent = read(text)
    fields = sent.fields
    admitted, left = time(sent.admitted), time(sent.left) if sent.left else None
    patient_class = PatientClass(fields.get("class", "inpatient"))
    inpatient = time(fields["inpatient"]) if "inpatient" in fields else admitted
    status = EncounterStatus.IN_PROGRESS if left is None else EncounterStatus.DISCHARGED
    age = fields.get("age", "70")
    return Encounter(
        encounter_id=sent.name,
        patient_token="P1",
        status=EncounterStatus(fields.get("status", status)),
        patient_class=patient_class,
        admitted_at=None if fields.get("admitted") == "none" else admitted,
        inpatient_from=inpatient if patient_class is PatientClass.INPATIENT else None,
        discharged_at=left,
        discharge_disposition=_optional(fields.get("to", "01")) if left is not None else None,
        age_years=None if age == "none" else int(age),
        sex=Sex(fields.get("sex", "female")),
        unit_stays=_places(sent.units, admitted, left),
        diagnoses=_diagnoses(fields, admitted),
        procedures=_procedures(fields, admitted),
    )


def _optional(text: str) -> str | None:
    return None if text == "none" else text


def _places(units: tuple[str, ...], admitted: datetime, left: datetime | None) -> tuple[UnitStay, ...]:
    """All units but the last for an hour each."""
    moves = [admitted.replace(hour=(admitted.hour + number) % 24) for number in range(len(units))]
    ends: list[datetime | None] = [*moves[1:], left]
    return tuple(
        UnitStay(facility_id=_FACILITY.get(unit, "HG"), unit_id=unit, arrived_at=arrived, left_at=until)
        for unit, arrived, until in zip(units, moves, ends, strict=True)
    )


def _diagnoses(fields: Mapping[str, str], known: datetime) -> tuple[KnownDiagnosis, ...]:
    kinds: dict[str, dict[str, Any]] = {"dx": {"principal": True}, "also": {}, "poa": {"present_on_admission": True}}
    return tuple(
        KnownDiagnosis(code=fields[name], system="ICD10CM", known_at=known, **about)
        for name, about in kinds.items()
        if name in fields
    )


def _procedures(fields: Mapping[str, str], known: datetime) -> tuple[KnownProcedure, ...]:
    systems = {"pr": "ICD10PCS", "cpt": "CPT"}
    return tuple(
        KnownProcedure(code=fields[name], system=system, known_at=known)
        for name, system in systems.items()
        if name in fields
    )


def definition(case: Case, codes: CodeSets | None) -> Definition:
    return Definition(case.rules, HOSPITAL, codes)


def judge(case: Case, codes: CodeSets | None, arrange: Callable[[list[Encounter]], list[Encounter]] = list) -> str:
    """The verdict on every stay of a case, in the order in which the case names them."""
    history = arrange([stay(text) for text in case.stays])
    found = verdicts(
        history,
        definition(case, codes),
        died_at=time(case.died) if case.died else None,
        followed_until=time(case.until) if case.until else None,
    )
    by_name = {each.stay.encounter_id: describe(each) for each in found}
    return "; ".join(f"{name}: {by_name[name]}" for name in (read(text).name for text in case.stays))


def describe(verdict: Verdict) -> str:
    if verdict.exclusion is not None:
        return verdict.exclusion.value
    back, plan = verdict.returned, verdict.plan
    why = f" ({plan.value})" if plan is not None and plan is not Plan.NO_CODE_SETS else ""
    if verdict.outcome is Outcome.DIED:
        return "died within 30 days"
    if back is None:
        return "not readmitted"
    what = "readmitted" if verdict.outcome is Outcome.READMITTED else "planned return"
    return f"{what} by {back.encounter_id} on day {verdict.days_to_return}{why}"
