"""Utility of a release: information loss, and errors of the answers that its reader estimates from it."""
