"""Privacy models bound to a table: what classes must meet, and what they reach."""
