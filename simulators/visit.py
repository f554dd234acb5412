"""One encounter of one simulated person: its state, and the facts it emits."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events import AdmissionType, Details, Diagnosis, DischargeDetails, Location, PatientClass, UpdateDetails
from simulators.beds import Bed
from simulators.clinical import Reason, procedures_of
from simulators.draws import Draws
from simulators.population import Person, Stay
from simulators.reporting import Feed


@dataclass(slots=True, eq=False)
class Visit:
    """An encounter under way. Times are whole seconds of the simulation."""

    encounter_id: str
    person: Person
    reason: Reason
    admission_type: AdmissionType
    began_s: int
    severity: float = 0.0
    """Standard normal; sicker patients stay longer and die more often."""
    bed: Bed | None = None
    critical: bool = False
    """Was in intensive care."""

    def report_admitted(
        self, feed: Feed, now_s: int, patient_class: PatientClass, location: Location, service: str
    ) -> str:
        """Emit the admission; return the fact's id."""
        person = self.person
        details = Details(
            patient_class=patient_class,
            location=location,
            service=service,
            admission_type=self.admission_type,
            age_years=person.age_years(now_s),
            sex=person.sex,
        )
        return feed.admitted(now_s, self.encounter_id, person.token, details)

    def report_moved(self, feed: Feed, now_s: int, location: Location) -> str:
        """Emit a transfer to another bed; return the fact's id."""
        details = Details(patient_class=PatientClass.INPATIENT, location=location, service=self.reason.service)
        return feed.transferred(now_s, self.encounter_id, self.person.token, details)

    def report_diagnoses(self, feed: Feed, now_s: int) -> None:
        """Emit the diagnoses as the ward knows them."""
        details = UpdateDetails(diagnoses=self.diagnoses, service=self.reason.service)
        feed.updated(now_s, self.encounter_id, self.person.token, details)

    def report_expected(self, feed: Feed, now_s: int, expected_s: int) -> None:
        """Emit the expected time of the discharge."""
        details = UpdateDetails(expected_discharge_at=feed.at(expected_s))
        feed.updated(now_s, self.encounter_id, self.person.token, details)

    def report_discharged(self, feed: Feed, now_s: int, disposition: str, draws: Draws) -> str:
        """Emit the discharge; return the fact's id."""
        done = draws.uniform() < self.reason.procedure_share
        details = DischargeDetails(
            discharge_disposition=disposition,
            diagnoses=self.diagnoses,
            procedures=procedures_of(self.reason) if done else (),
        )
        return feed.discharged(now_s, self.encounter_id, self.person.token, details)

    @property
    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """The reason first, then the chronic conditions."""
        return (self.reason.principal, *self.person.chronic_diagnoses)

    def stay(self, now_s: int, disposition: str) -> Stay:
        """Return the predictors of a return, if the stay ends now."""
        return Stay(
            age_years=self.person.age_years(self.began_s),
            length_of_stay_days=(now_s - self.began_s) / 86_400.0,
            emergency=self.admission_type is AdmissionType.EMERGENCY,
            admissions_past_year=self.person.admissions_past_year(self.began_s),
            ed_visits_past_six_months=self.person.ed_visits_past_six_months(self.began_s),
            discharge_disposition=disposition,
        )
