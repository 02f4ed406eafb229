"""Transformations of single columns: values change, rows stay."""
