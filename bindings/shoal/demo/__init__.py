"""Invented hospitals: records, a policy, and a federation of four."""
