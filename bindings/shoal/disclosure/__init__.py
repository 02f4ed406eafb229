"""Disclosure risk of a table: risk reports, unique column sets, SUDA, record linkage."""
