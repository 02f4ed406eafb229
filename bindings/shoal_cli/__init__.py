"""The command line `shoal`. Nothing heavy is imported before a command needs it."""

from shoal_cli.commands import main as main

__all__ = ["main"]
