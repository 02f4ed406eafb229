"""Columns and rows of Arrow data as codes: encoding, grouping, packing, rebuilding."""
