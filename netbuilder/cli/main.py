"""The ``netbuilder`` group: command names to modules, and errors to one line and an exit code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import click

from netbuilder.errors import EngineError, NetbuilderError

COMMANDS = {
    "build": "netbuilder.cli.build:build",
    "summary": "netbuilder.cli.summary:summary",
    "diff": "netbuilder.cli.diff:diff_command",
    "compare": "netbuilder.cli.compare:compare_command",
    "upgrade": "netbuilder.cli.upgrade:upgrade",
    "check": "netbuilder.cli.check:check",
    "train": "netbuilder.cli.train:train",
    "caffe": "netbuilder.cli.caffe:caffe",
}


class FriendlyMixin:
    """Ends a mistake as one line: exit code 2 for bad input, 1 for a failed engine."""

    def main(self, *args: Any, standalone_mode: bool = True, **kwargs: Any) -> Any:
        run = partial(super().main, *args, standalone_mode=False, **kwargs)
        return _standalone(run) if standalone_mode else run()


def _standalone(run: Callable[[], Any]) -> NoReturn:
    try:
        result = run()
    except NetbuilderError as error:
        _end(f"error: {error}", 1 if isinstance(error, EngineError) else 2)
    except click.exceptions.NoArgsIsHelpError as error:
        _end(error.format_message(), error.exit_code)
    except click.ClickException as error:
        _end(f"error: {error.format_message()}", error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _end("stopped", 130)  # as a shell reports SIGINT
    sys.exit(result if isinstance(result, int) else 0)


def _end(text: str, code: int) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)


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
