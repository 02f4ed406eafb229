"""Disclosure risk: sets of columns, minimal sample uniques, nearest records."""
