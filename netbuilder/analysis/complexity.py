"""pynetbuilder's ``get_complexity``, for scripts that call it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netbuilder import passes
from netbuilder.analysis.costs import costs
from netbuilder.graph import resolve
from netbuilder.layer import Shape


def get_complexity(
    netspec: Any = None, prototxt_file: Any = None, *,
    phase: int | None = None, inputs: Mapping[str, Shape] | None = None,
) -> tuple[int, int]:
    """(params, flops) of a net in pynetbuilder's convention, not the true counts.

    The net is a NetSpec (or anything with ``to_proto``) or the path of a prototxt; give one of
    them. ``inputs`` gives the shapes that the file cannot tell. Raises a NetbuilderError.
    """
    if (netspec is None) == (prototxt_file is None):
        raise TypeError("give either netspec or prototxt_file")
    net = _read(prototxt_file) if netspec is None else netspec.to_proto()
    phase = passes.default_phase(net) if phase is None else phase
    totals = costs(resolve(net, phase, inputs=inputs)).totals
    return totals["documented_params"], totals["documented_flops"]


def _read(path: Any) -> Any:
    from netbuilder.proto.io import read_net

    return read_net(path)
