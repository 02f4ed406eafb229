"""Usefulness of a release: estimates from it, their error on a workload, and rows and models made of it."""
