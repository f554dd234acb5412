"""Operations on the log and the state: rebuild, state at a past moment, dead letters, status."""
