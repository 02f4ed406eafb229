"""From record batches to exact sums per group to which no privacy unit adds more than declared."""
