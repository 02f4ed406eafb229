"""Federated learning: updates of parties whose rows never leave home, summed and averaged."""
