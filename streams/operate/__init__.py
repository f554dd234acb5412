"""Operations on the log and the state: rebuild, as-of, dead letters, status."""
