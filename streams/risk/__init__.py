"""Readmission risk: scoring moments, scores, outcomes, online learning."""
