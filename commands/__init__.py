"""Commands, one file for each group. A command imports what it needs when it runs, so that `--help` is fast."""
