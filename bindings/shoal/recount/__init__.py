"""Verification of a release from its rows alone, by code that is independent of the engine's methods."""
