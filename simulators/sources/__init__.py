"""Recordings that can be replayed; each module has a `read` that yields facts."""
