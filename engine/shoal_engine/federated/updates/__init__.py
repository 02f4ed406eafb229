"""Models and updates: tensors, files, one round's records."""
