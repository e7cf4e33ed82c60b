"""``python -m netbuilder`` is the ``netbuilder`` command."""

from netbuilder.cli import cli

cli(prog_name="netbuilder")
