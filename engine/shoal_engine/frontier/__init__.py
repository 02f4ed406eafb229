"""Choosing between releases: their risk against their usefulness."""
