"""Interfaces for hospital feeds: HL7 v2 messages, FHIR resources and JSON facts."""
