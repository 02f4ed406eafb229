"""Four hospitals as a Flower app."""
