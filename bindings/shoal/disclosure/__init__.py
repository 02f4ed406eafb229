"""Disclosure risk of a table: reports, unique sets of columns, SUDA, record linkage."""
