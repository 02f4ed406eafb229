"""Declarations about a file: its text format, and the meaning of each column's texts."""
