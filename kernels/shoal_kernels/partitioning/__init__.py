"""Equivalence classes: Mondrian, the tight method, bottom-up local recoding, and their parts."""
