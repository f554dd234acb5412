"""Scores and groups that clinicians use at the bedside."""
