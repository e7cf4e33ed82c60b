"""A solver of any age in today's format (UpgradeSolverAsNeeded, upgrade_proto.cpp)."""

from __future__ import annotations

from typing import Any

from netbuilder.errors import SolverError
from netbuilder.upgrade.names import SOLVER_TYPES
from netbuilder.upgrade.result import Upgraded


def upgrade_solver(param: Any) -> Upgraded:
    """The SolverParameter with ``type`` in the place of the enum ``solver_type``.

    The given one stays as it is. Raises SolverError if it has both.
    """
    if not param.HasField("solver_type"):
        return Upgraded(param)
    if param.HasField("type"):
        raise SolverError("give type or, as files before 2015 do, solver_type; not both")
    new = type(param)()
    new.CopyFrom(param)
    old = param.SolverType.Name(param.solver_type)
    new.type = SOLVER_TYPES[old]
    new.ClearField("solver_type")
    return Upgraded(new, [f'solver_type: {old} is now type: "{new.type}"'])
