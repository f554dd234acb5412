"""The `adt` agent: writes facts to the log and derives the state, one transaction per batch."""
