"""The command line. Each command is one row of COMMANDS and is imported when it is called."""

from netbuilder.cli.main import cli

__all__ = ["cli"]
