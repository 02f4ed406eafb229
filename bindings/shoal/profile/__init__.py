"""Profile of a table of people: roles of its columns, a draft policy, and Safe Harbor identifiers."""
