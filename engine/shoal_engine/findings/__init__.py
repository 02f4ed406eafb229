"""What a release does not protect, stated as typed findings: made once here, shown alike everywhere."""
