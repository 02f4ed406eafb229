"""Mechanisms: frozen values with a privacy map, what an accountant is told, and a pure draw."""
