"""What hospitals send, to facts: HL7 v2 messages, FHIR resources, JSON."""
