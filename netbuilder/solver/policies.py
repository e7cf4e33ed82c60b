"""The learning rate as a pure function of the iteration (SGDSolver::GetLearningRate).

Caffe mixes float and double in these formulas; the same mix is kept here, so a rate is the very
float32 that real Caffe uses.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from netbuilder.errors import SolverError, one_of

REGULARIZATIONS = ("L1", "L2")
WITHOUT_MOMENTUM = ("AdaGrad", "RMSProp")  # solver types


def learning_rate(param: Any, iteration: int) -> float:
    """The rate of a SolverParameter at an iteration (counted from 0), a float32 value.

    Past ``max_iter`` the policy poly gives what Caffe's formula gives: a negative rate, or NaN.
    Raises SolverError for an unknown policy and for a field that the policy needs.
    """
    return _float32(_policy(param).rate(param, iteration))


def check_solver(param: Any) -> None:
    """Raises SolverError for a SolverParameter that no engine could train with."""
    _policy(param)
    if not param.HasField("base_lr"):
        raise SolverError("base_lr is missing: nothing would be learned")
    check_regularization(param)
    check_counts(param)
    check_momentum(param, param.type)


def check_momentum(param: Any, kind: str) -> None:
    """Raises SolverError where Caffe's constructor of a solver of some type refuses a momentum.

    AdaGrad and RMSProp have none; the ``rms_decay`` of RMSProp is at least 0 and below 1.
    """
    if kind in WITHOUT_MOMENTUM and param.momentum:
        raise SolverError(f"Momentum cannot be used with {kind}: momentum is "
                          f"{param.momentum:g}, leave it out")
    if kind == "RMSProp" and not 0 <= param.rms_decay < 1:
        raise SolverError(f"rms_decay should lie between 0 and 1: it is {param.rms_decay:g}")


def check_counts(param: Any) -> None:
    """Raises SolverError for an average_loss or iter_size below 1."""
    for name in ("average_loss", "iter_size"):
        if getattr(param, name) < 1:
            raise SolverError(f"{name} must be at least 1, not {getattr(param, name)}")


def check_regularization(param: Any) -> None:
    """Raises SolverError for an unknown regularization_type."""
    kind = param.regularization_type
    if kind not in REGULARIZATIONS:
        raise SolverError(f'unknown regularization_type "{kind}"{one_of(kind, REGULARIZATIONS)}')


@dataclass(frozen=True)
class Policy:
    """A policy: the solver fields it reads beside base_lr, and its formula."""

    fields: tuple[str, ...]
    rate: Callable[[Any, int], float]


def _fixed(param: Any, iteration: int) -> float:
    return param.base_lr


def _step(param: Any, iteration: int) -> float:
    return param.base_lr * _power(param.gamma, iteration // param.stepsize)


def _exp(param: Any, iteration: int) -> float:
    return param.base_lr * _power(param.gamma, iteration)


def _inv(param: Any, iteration: int) -> float:
    base = _float32(1 + _float32(param.gamma * iteration))
    return param.base_lr * _float32(_power(base, -param.power))


def _multistep(param: Any, iteration: int) -> float:
    return param.base_lr * _power(param.gamma, steps_done(param, iteration))


def _poly(param: Any, iteration: int) -> float:
    rest = _float32(1 - _float32(iteration / param.max_iter))
    return param.base_lr * _float32(_power(rest, param.power))


def _sigmoid(param: Any, iteration: int) -> float:
    exponent = _float32(-param.gamma * _float32(iteration - param.stepsize))
    try:
        return param.base_lr * _float32(1 / _float32(1 + _float32(math.exp(exponent))))
    except OverflowError:
        return 0.0


POLICIES: dict[str, Policy] = {
    "fixed": Policy((), _fixed),
    "step": Policy(("gamma", "stepsize"), _step),
    "exp": Policy(("gamma",), _exp),
    "inv": Policy(("gamma", "power"), _inv),
    "multistep": Policy(("gamma", "stepvalue"), _multistep),
    "poly": Policy(("power", "max_iter"), _poly),
    "sigmoid": Policy(("gamma", "stepsize"), _sigmoid),
}


def steps_done(param: Any, iteration: int) -> int:
    """How many values of ``stepvalue`` the policy multistep has passed (``current_step``).

    Caffe looks at one value per iteration, in the order of the file: doubled or falling values
    take effect one iteration after the other.
    """
    done, reached = 0, -1
    for value in param.stepvalue:
        reached = max(value, reached + 1)
        if iteration < reached:
            break
        done += 1
    return done


def current_step(param: Any, iteration: int) -> int:
    """What a solver state calls ``current_step``: the steps that the rate of an iteration has
    taken, where the policy counts them."""
    if param.lr_policy == "step":
        return max(iteration, 0) // param.stepsize if param.stepsize > 0 else 0
    return steps_done(param, iteration) if param.lr_policy == "multistep" else 0


def step_taken(param: Any, iteration: int) -> int:
    """Which value of ``stepvalue`` the policy multistep passes at an iteration; 0 for none."""
    if param.lr_policy != "multistep":
        return 0
    done = steps_done(param, iteration)
    return done if done > steps_done(param, iteration - 1) else 0


def _policy(param: Any) -> Policy:
    """The policy of a solver, all its fields checked."""
    name = param.lr_policy
    if name not in POLICIES:
        what = f'unknown lr_policy "{name}"' if name else "lr_policy is missing"
        raise SolverError(f"{what}{one_of(name, POLICIES)}")
    policy = POLICIES[name]
    missing = [field for field in policy.fields if not _given(param, field)]
    if missing:
        raise SolverError(f'lr_policy "{name}" needs {" and ".join(missing)}')
    for field, least in (("gamma", 0), ("stepsize", 1), ("max_iter", 1)):
        if field in policy.fields and getattr(param, field) < least:
            raise SolverError(f'lr_policy "{name}" needs {field} >= {least}, '
                              f"not {getattr(param, field):g}")
    return policy


def _given(param: Any, field: str) -> bool:
    return bool(param.stepvalue) if field == "stepvalue" else param.HasField(field)


def _power(base: float, exponent: float) -> float:
    """C's pow: no exceptions, NaN and infinity instead."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf
    except ValueError:  # a root of a negative number; 0 to a negative power
        return math.inf if base == 0 else math.nan


def _float32(value: float) -> float:
    """The nearest float32; infinity beyond its range."""
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
