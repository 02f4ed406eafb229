"""Privacy against usefulness of releases that could be made of one table."""
