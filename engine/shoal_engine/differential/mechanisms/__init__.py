"""Mechanisms: frozen values with a privacy event and a pure draw."""
