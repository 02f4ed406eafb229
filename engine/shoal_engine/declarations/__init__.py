"""What a person says of a file: how its text is written, and what the texts of a column stand for."""
