"""Attacks on releases over codes and classes: linkage, intersection, membership."""
