"""Federated learning: model updates become the next model, exactly, robustly and privately."""
