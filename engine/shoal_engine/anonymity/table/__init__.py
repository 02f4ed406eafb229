"""What a table is to the methods: dimensions, distinct tuples, sensitive values, units, people."""
