"""Policies, recodings and proofs over Arrow data. Knows no frame library."""
