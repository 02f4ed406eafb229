"""Aggregation rules: averages, and rules that hold against hostile updates."""
