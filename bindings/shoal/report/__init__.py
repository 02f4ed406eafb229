"""The page to sign: facts of a release for people who approve it, as JSON and as one HTML file."""
