"""Pure folds: the state of an encounter, a patient, a bed and the event time from sets of facts."""
