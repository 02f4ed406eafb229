"""Disclosure risk: who can be found, and what can be learned of them."""
