"""Facts into the log and the state: one batch of records, one transaction."""
