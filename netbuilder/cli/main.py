"""The ``netbuilder`` group: command names to modules, and errors to one line and an exit code."""

from __future__ import annotations

import atexit
import gc
import importlib
import sys
from collections.abc import Callable
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import click

from netbuilder.errors import EngineError, NetbuilderError

COMMANDS = {
    "build": "netbuilder.cli.build:build",
    "list": "netbuilder.cli.list:list_command",
    "summary": "netbuilder.cli.summary:summary",
    "diff": "netbuilder.cli.diff:diff_command",
    "compare": "netbuilder.cli.compare:compare_command",
    "upgrade": "netbuilder.cli.upgrade:upgrade",
    "check": "netbuilder.cli.check:check",
    "train": "netbuilder.cli.train:train",
    "test": "netbuilder.cli.test:test",
    "time": "netbuilder.cli.time:time",
    "merge-bn": "netbuilder.cli.merge_bn:merge_bn",
    "device-query": "netbuilder.cli.device_query:device_query",
    "caffe": "netbuilder.cli.caffe:caffe",
}


class FriendlyMixin:
    """Ends a mistake as one line: exit code 2 for bad input, 1 for a failed engine."""

    def main(self, *args: Any, standalone_mode: bool = True, **kwargs: Any) -> Any:
        run = partial(super().main, *args, standalone_mode=False, **kwargs)
        return _standalone(run) if standalone_mode else run()


def _collect_rarely() -> None:
    """A net is many objects and little garbage; the search for it grew faster than the net.

    The threshold bounds what garbage there can be, to about a hundred megabytes.
    """
    gc.set_threshold(1_000_000)
    atexit.register(gc.freeze)  # nothing is left to search when Python ends


def _standalone(run: Callable[[], Any]) -> NoReturn:
    _collect_rarely()
    if isinstance(sys.stdout, TextIOWrapper):  # names need not exist in the terminal's encoding
        sys.stdout.reconfigure(errors="backslashreplace")
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
    except OSError as error:  # a full disk behind stdout; click itself sees to a closed pipe
        sys.stdout = None  # or Python tries once more when it ends
        place = error.filename or "standard output"
        _end(f"error: {place}: {error.strerror or error}", 2)
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
        name = name.replace("_", "-")  # Caffe's tool says device_query
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name].split(":")
        return getattr(importlib.import_module(module), attribute)


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from importlib import metadata  # not at the start of every command: it takes 20 ms

    try:
        click.echo(f"netbuilder, version {metadata.version('netbuilder')}")
    except metadata.PackageNotFoundError:
        click.echo(f"netbuilder, not installed, used in {Path(__file__).parents[2]}")
    context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
              help="Show the version and exit.")
def cli() -> None:
    """Caffe networks from legos: build, count and train them, with or without Caffe."""
