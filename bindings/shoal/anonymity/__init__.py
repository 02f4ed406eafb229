"""Anonymize and assess tables; build hierarchies; transform columns; suppress cells."""
