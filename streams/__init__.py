"""Events in, state and messages out. Pure: encounters, beds, census, alerts. Everything else is the shell."""
