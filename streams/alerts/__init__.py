"""Alerts for the care coordinator: when one is raised, its states, and who acted."""
