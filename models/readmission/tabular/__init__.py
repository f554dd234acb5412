"""Readmission models on a table of stays: candidates, stacking, nested cross-validation, and the folder of a model."""
