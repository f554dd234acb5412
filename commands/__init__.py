"""The commands, a file for each group of them. Each imports its room when it runs, and only then."""
