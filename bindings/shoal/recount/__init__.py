"""Verify a release from its rows alone, by code that shares nothing with the engine's methods."""
