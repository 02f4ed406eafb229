"""Anonymization and assessment of tables, hierarchies, transforms of columns, and local suppression."""
