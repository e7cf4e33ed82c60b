"""The ``netbuilder`` group: command names to modules, and errors to one line and an exit code."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from netbuilder.errors import EngineError, NetbuilderError

COMMANDS = {
    "build": "netbuilder.cli.build:build",
    "summary": "netbuilder.cli.summary:summary",
    "train": "netbuilder.cli.train:train",
    "caffe": "netbuilder.cli.caffe:caffe",
}


class FriendlyMixin:
    """Ends a NetbuilderError as one line: exit code 2 for bad input, 1 for a failed engine."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except NetbuilderError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(1 if isinstance(error, EngineError) else 2)


class FriendlyCommand(FriendlyMixin, click.Command):
    """A command that can also be run by itself, as the scripts in app/ do."""


class LazyGroup(FriendlyMixin, click.Group):
    """A group that imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)  # in the order of a user's day, not of the alphabet

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name].split(":")
        return getattr(importlib.import_module(module), attribute)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="netbuilder")
def cli() -> None:
    """Caffe networks from legos: build, count and train them, with or without Caffe."""
