"""Checks of a table against its policy: undecided columns, findings, population, certificates."""
