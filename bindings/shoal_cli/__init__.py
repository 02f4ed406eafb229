"""Command line `shoal`. Heavy imports are deferred until a command needs them."""

from shoal_cli.commands import main as main

__all__ = ["main"]
