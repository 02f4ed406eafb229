"""Profile a table of people: what its columns are, and a policy to start from; Safe Harbor."""
