"""``netbuilder merge-bn``: a trained net without its batch norms."""

from __future__ import annotations

from typing import Any

import click

from netbuilder.cli.flags import level, stage
from netbuilder.cli.main import FriendlyCommand
from netbuilder.cli.summary import shapes_of_inputs
from netbuilder.errors import LibraryMissing


@click.command(cls=FriendlyCommand)
@click.argument("net")
@click.argument("weights")
@click.option("-o", "--output-folder", required=True, metavar="FOLDER",
              help="Folder for the two files; files of their names there are replaced.")
@shapes_of_inputs
@level
@stage
def merge_bn(*, net: str, weights: str, output_folder: str, inputs: tuple, level: int,
             stages: list[str]) -> None:
    """Merge the batch norms of a trained net into the layers beside them.

    NET is a prototxt, of which the TEST phase is taken; WEIGHTS its .caffemodel or
    .caffemodel.h5. BatchNorm, BN, Scale and Bias layers go into convolutions, deconvolutions and
    inner products before or after them where that changes nothing; the others are named, with
    the reason. Both nets are compared on random input before anything is written.
    """
    outcome = _files_module().merge_files(net, weights, output_folder, level=level, stages=stages,
                                          inputs=dict(inputs))
    for line in _lines(outcome):
        click.echo(line)


def _files_module() -> Any:
    try:
        from netbuilder.merge import files
    except ImportError as error:
        if error.name not in ("numpy", "torch"):
            raise
        raise LibraryMissing(f"merge-bn computes with numpy and compares with PyTorch, and "
                             f'{error.name} is not installed: pip install "netbuilder[train]"'
                             ) from None
    return files


def _lines(outcome: Any) -> list[str]:
    """What was done, for people."""
    merged, found = outcome.merged, outcome.difference
    gone = sum(len(chain.steps) for chain, _ in merged.folded)
    takers = {step.name for _, steps in merged.folded for step in steps}
    apart = (f"; not run, but what they read was compared: {', '.join(found.apart)}"
             if found.apart else "")
    return [
        f"merged: {gone} layers into {len(takers)} others",
        *(f"one Scale: {chain}: {reason}" for chain, reason in merged.scales),
        *(f"left: {layer}: {reason}" for layer, reason in merged.left),
        *_left_out(outcome.unused),
        f"stored values: {outcome.before:,} before, {outcome.after:,} after",
        f'largest difference: {found.difference:.3g} in "{found.blob}", whose values reach '
        f"{found.largest:.3g}, on {found.inputs} random inputs; allowed: {found.allowed:.3g}"
        f"{apart}",
        f"files: {outcome.net}, {outcome.weights}",
    ]


def _left_out(layers: list[str]) -> list[str]:
    """What a line says of layers that a training net may have had; or the net is another one."""
    if not layers:
        return []
    others = f" and {len(layers) - 1} others" if layers[1:] else ""
    return [f'not in this net, though the weights have values for it: "{layers[0]}"{others}']
