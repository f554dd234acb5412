"""FHIR R4 and R5: from a Bundle to facts."""
