"""Audits: mechanisms run on neighbors, and the least epsilon that what they said would prove."""
