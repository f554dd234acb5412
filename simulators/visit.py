"""One encounter of one simulated person: what is known of it, and the facts it tells."""

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

    def tell_admitted(
        self, feed: Feed, now_s: int, patient_class: PatientClass, location: Location, service: str
    ) -> str:
        """Tell of the admission."""
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

    def tell_moved(self, feed: Feed, now_s: int, location: Location) -> str:
        """Tell of a transfer to a bed of the house."""
        details = Details(patient_class=PatientClass.INPATIENT, location=location, service=self.reason.service)
        return feed.transferred(now_s, self.encounter_id, self.person.token, details)

    def tell_diagnoses(self, feed: Feed, now_s: int) -> None:
        """Tell of the diagnoses as they are known on the ward."""
        details = UpdateDetails(diagnoses=self.diagnoses, service=self.reason.service)
        feed.updated(now_s, self.encounter_id, self.person.token, details)

    def tell_expected(self, feed: Feed, now_s: int, expected_s: int) -> None:
        """Tell when the patient is expected to leave."""
        details = UpdateDetails(expected_discharge_at=feed.at(expected_s))
        feed.updated(now_s, self.encounter_id, self.person.token, details)

    def tell_discharged(self, feed: Feed, now_s: int, disposition: str, draws: Draws) -> str:
        """Tell of the discharge."""
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
        """Return what counts of the stay when it ends now."""
        return Stay(
            age_years=self.person.age_years(self.began_s),
            length_of_stay_days=(now_s - self.began_s) / 86_400.0,
            emergency=self.admission_type is AdmissionType.EMERGENCY,
            admissions_past_year=self.person.admissions_past_year(self.began_s),
            ed_visits_past_six_months=self.person.ed_visits_past_six_months(self.began_s),
            discharge_disposition=disposition,
        )
