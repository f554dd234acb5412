"""Types that all packages share: settings, errors, facts, state, topics, tables. Imports no other package."""
