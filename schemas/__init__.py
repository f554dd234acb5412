"""Shapes that every room shares: settings, errors, facts, state, topics, tables. They know no other room."""
