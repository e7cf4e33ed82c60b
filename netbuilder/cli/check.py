"""``netbuilder check``: a linter for network and solver files."""

from __future__ import annotations

import json
from collections import Counter

import click

from netbuilder.analysis.lint import SEVERITIES, Finding, lint_files
from netbuilder.analysis.lint.findings import ERROR
from netbuilder.cli.main import FriendlyCommand
from netbuilder.cli.summary import InputShape
from netbuilder.layer import Shape

_LISTED = 3  # layers of one and the same finding


def _print_text(findings: list[Finding]) -> None:
    for first, *others in _alike(findings):
        click.echo(str(first))
        if others:
            names = ", ".join(f'"{one.layer}"' for one in others[:_LISTED])
            more = f" and {len(others) - _LISTED} more" if len(others) > _LISTED else ""
            click.echo(f"    The same: layer {names}{more}.")
    counts = Counter(finding.severity for finding in findings)
    click.echo(", ".join(f"{counts[kind]} {kind}{'s' * (counts[kind] != 1)}"
                         for kind in SEVERITIES))


def _alike(findings: list[Finding]) -> list[list[Finding]]:
    """The findings, those that say the same of other layers of a file together."""
    groups: dict[tuple, list[Finding]] = {}
    for one in findings:
        what = one.sentence.removeprefix(f'layer "{one.layer}" ')
        groups.setdefault((one.file, one.code, one.phase, what), []).append(one)
    return list(groups.values())


def _print_json(findings: list[Finding]) -> None:
    click.echo(json.dumps([finding.as_dict() for finding in findings], indent=1))


FORMATS = {"text": _print_text, "json": _print_json}


@click.command(cls=FriendlyCommand)
@click.argument("paths", metavar="FILE...", nargs=-1, required=True,
                type=click.Path(exists=True, dir_okay=False))
@click.option("--level", type=int, default=0, show_default=True, help="Level of the nets' state.")
@click.option("--stage", "stages", multiple=True, metavar="S", help="Stage of the nets' state.")
@click.option("--input", "inputs", multiple=True, type=InputShape(), metavar=InputShape.name,
              help="Shape of a blob that the files do not tell.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text",
              show_default=True, help="Lines for people, JSON for programs.")
def check(*, paths: tuple[str, ...], level: int, stages: tuple[str, ...],
          inputs: tuple[tuple[str, Shape], ...], form: str) -> int:
    """Find the mistakes in network and solver prototxts, each with its place and its remedy.

    Exit code 1 if there are errors. Nothing is run. The codes: docs/check.md.
    """
    findings = lint_files(paths, level, stages, dict(inputs))
    FORMATS[form](findings)
    return int(any(finding.severity == ERROR for finding in findings))
