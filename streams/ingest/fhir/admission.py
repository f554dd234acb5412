"""Coded fields of an Encounter: admission type, discharge disposition and service."""

from __future__ import annotations

from schemas.dispositions import DIED, EXPIRED
from schemas.events import AdmissionType
from streams.ingest.fhir.json_values import Json, codes, items, name, part, text
from streams.ingest.fhir.mapping import ADMISSION_TYPES, FhirOptions


def admission_type(encounter: Json) -> AdmissionType | None:
    """Return the type of admission: a newborn by its admitSource, else the priority."""
    if "born" in codes(_admission(encounter, "admitSource")):
        return AdmissionType.NEWBORN
    known = codes(encounter.get("priority"))
    return next((ADMISSION_TYPES[code] for code in known if code in ADMISSION_TYPES), None)


def disposition(encounter: Json, options: FhirOptions, *, died: bool) -> str | None:
    """Return the discharge disposition as a UB-04 patient status; of several codes, the one that the patient died.

    Parameters
    ----------
    encounter : dict
        The resource.
    options : FhirOptions
        Of the feed.
    died : bool
        Whether the Patient says so: that holds whatever the disposition says.

    Raises
    ------
    InvalidInput
        When the code is too long.
    """
    written = [_two_digits(code) for code in codes(_admission(encounter, "dischargeDisposition"))]
    known = [options.dispositions.get(code, code) for code in written]
    dead = next((code for code in known if code in DIED), EXPIRED if died else None)
    if dead is not None:
        return dead
    return None if not known else name(known[0], "hospitalization.dischargeDisposition")


def _two_digits(code: str) -> str:
    return f"0{code}" if code.isdecimal() and len(code) == 1 else code


def service(encounter: Json) -> str | None:
    """Return the serviceType: its code, else its text.

    Raises
    ------
    InvalidInput
        When it is too long.
    """
    for _, item in items(encounter.get("serviceType")):
        concept = item.get("concept", item)
        found = next(iter(codes(concept)), None) or text(part(concept, "text"))
        if found is not None:
            return name(found, "serviceType")
    return None


def _admission(encounter: Json, field: str) -> object:
    """Return a field of Encounter.hospitalization (R4) or Encounter.admission (R5)."""
    found = part(encounter, "hospitalization", field)
    return part(encounter, "admission", field) if found is None else found
