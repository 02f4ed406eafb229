"""Reading and writing tables: frames, files, delimited text, declared types."""
