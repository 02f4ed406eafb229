"""Accounting: what events cost, by every way that is proven, and the least noise for a target."""
