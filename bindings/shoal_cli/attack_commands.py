"""`shoal attack`: run attacks on a release, with what an adversary is taken to know."""

import click


@click.group()
def attack() -> None:
    """Attack a release with what an adversary is taken to know, and measure what is found."""
