"""Differential privacy: exact noise, accounting, ledgers and queries whose protection is proven."""
