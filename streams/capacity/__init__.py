"""Beds and census of each unit."""
