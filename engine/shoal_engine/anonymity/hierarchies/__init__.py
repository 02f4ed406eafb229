"""Hierarchies: what a policy says of them, and the trees that they make of a column's values."""
