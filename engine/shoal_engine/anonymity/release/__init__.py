"""What a release says: labels of classes, items, pseudonyms, rows in a secure order."""
