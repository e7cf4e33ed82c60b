"""``netbuilder caffe``: get real Caffe onto this machine, and see which one is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from netbuilder.cli.main import FriendlyMixin
from netbuilder.errors import EngineNotFound
from netbuilder.train.engines import (
    REMEDY,
    VARIABLE,
    caffe_root,
    interpreter_engine,
    places,
    probe,
)


class FriendlyGroup(FriendlyMixin, click.Group):
    """A group that can be run by itself."""


@click.group(cls=FriendlyGroup)
def caffe() -> None:
    """Real Caffe: install it, or see which one is found."""


@caffe.command()
@click.option("--mirror", metavar="URL", help="Debian mirror (default: the one apt uses).")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder to make (default: in your cache folder, where it is found by itself).",
)
@click.option("--force", is_flag=True, help="Install again, in place of what is there.")
def install(mirror: str | None, into: Path | None, force: bool) -> None:
    """Install Debian 11's Caffe (CPU) into a folder of yours; no rights needed.

    Fetches about 150 MB and takes about 500 MB.
    """
    from netbuilder.train.install import install as make

    root = (into or caffe_root()).expanduser().absolute()
    with _Bar() as bar:
        made = make(root, mirror, bar.show, force)
    if made is None:
        click.echo(f"real Caffe is installed already in {root} (--force installs again)")
    else:
        checked = "Debian's signature and all checksums were right" if made.signed else (
            "all checksums were right; Debian's signature was not checked (that needs gpgv and "
            "the package debian-archive-keyring)"
        )
        click.echo(f"{made.packages} packages; {checked}")
        click.echo(f"real Caffe {made.version} is installed in {root}")
    if into:
        click.echo(f"to use it: export {VARIABLE}={root}")


@caffe.command()
@click.option("--caffe", "interpreter", metavar="INTERPRETER", help="A root folder or a command.")
def check(interpreter: str | None) -> None:
    """Say where real Caffe is looked for, which one is used, and whether it runs."""
    for place, found in places(interpreter):
        if not found:
            click.echo(f"  {place}: none")
            continue
        click.echo(f"  {place}: {found}")
        _report(found)
        return
    raise EngineNotFound(f"real Caffe was not found; {REMEDY}")


def _report(interpreter: str) -> None:
    facts = probe(interpreter_engine(interpreter))
    click.echo(
        f"real Caffe {facts.version} runs: {facts.layer_types} layer types, Python "
        f"{facts.python}, {'GPU' if facts.gpu else 'CPU only'}, {facts.file}"
    )


class _Bar:
    """Shows one step after the other; a bar for those whose size is known."""

    def __init__(self) -> None:
        self.label, self.bar = "", None

    def show(self, label: str, done: int, total: int) -> None:
        if label != self.label:
            self.close()
            self.label = label
            if total:
                self.bar = click.progressbar(length=total, label=label, file=sys.stderr)
                self.bar.render_progress()
            else:
                click.echo(f"{label} ...", err=True)
        if self.bar:
            self.bar.update(done - self.bar.pos)

    def close(self) -> None:
        if self.bar:
            self.bar.render_finish()
        self.bar = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
