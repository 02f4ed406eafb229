"""Private queries: contribution bounding, sums of groups, integer noise in bulk."""
