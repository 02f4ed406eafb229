"""What a policy says: roles of columns, privacy models, hierarchies, methods. Values without tables."""
