"""Randomness: keystreams of a cryptographic generator, secure words, a secure order of rows."""
