"""SQL of the fact log and the state derived from it."""
