"""Chains taken up by the layers beside them: the steps of a net without batch normalisation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netbuilder.merge.affine import STATISTICS
from netbuilder.merge.chains import Chain, Place, chains_of, places_of
from netbuilder.merge.linear import scaled_after, scaled_before, with_bias
from netbuilder.merge.steps import Step, Value, Wiring
from netbuilder.proto import caffe_pb2

Filters = dict[Step, tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class Merged:
    """A net's steps after merging, and what became of its chains.

    ``folded`` has each chain with the steps that took it up, ``scales`` those that became one
    Scale, ``left`` the layers that are as they were; both with the reason.
    """

    steps: list[Step]
    folded: list[tuple[Chain, tuple[Step, ...]]]
    scales: list[tuple[Chain, str]]
    left: list[tuple[str, str]]


def fold(steps: Sequence[Step]) -> Merged:
    """Every chain taken up where that is exact; what has statistics and no place is a Scale."""
    folded: list[tuple[Chain, tuple[Step, ...]]] = []
    while True:  # where one chain went, another may find its place
        wiring = Wiring(steps)
        chains, unfoldable = chains_of(steps, wiring)
        chosen, filters, reasons = _decide(chains, wiring, steps)
        if not chosen:
            break
        steps = _taken_up(steps, chosen, filters)
        folded += [(chain, place.steps) for chain, place in chosen.items()]
    scales = [chain for chain in chains if chain.has_statistics]
    return Merged(
        _with_scales(steps, scales), folded, [(chain, reasons[chain]) for chain in scales],
        [(str(step), reason) for step, reason in unfoldable.items()]
        + [(str(chain), reasons[chain]) for chain in chains if not chain.has_statistics])


def _decide(chains: Sequence[Chain], wiring: Wiring, steps: Sequence[Step]
            ) -> tuple[dict[Chain, Place], Filters, dict[Chain, str]]:
    """A place for each chain that has one, the filters that follow, why others have none.

    Layers that share a parameter must take up the same; who does not tries the next place.
    """
    places, reasons = {}, {}
    for chain in chains:
        places[chain], reasons[chain] = places_of(chain, wiring)
    while True:
        chosen = {chain: found[0] for chain, found in places.items() if found}
        filters = _filters(chosen)
        refused = _refused(chosen, filters, steps)
        if not refused:
            return chosen, filters, {chain: "; ".join(each) for chain, each in reasons.items()}
        for chain, reason in refused.items():
            places[chain].pop(0)
            reasons[chain].append(reason)


def _filters(chosen: Mapping[Chain, Place]) -> Filters:
    """The parameters of each step that takes up something."""
    on_bottom, on_top = ({step: chain.affine for chain, place in chosen.items()
                          for step in place.steps if place.before is before}
                         for before in (False, True))
    filters = {}
    for step in {**on_bottom, **on_top}:
        weight, bias = [*(blob.astype(np.float64) for blob in step.blobs), None][:2]
        if step in on_bottom:
            weight, bias = scaled_before(step.layer, (weight, bias), on_bottom[step])
        if step in on_top:
            weight, bias = scaled_after(step.layer, (weight, bias), on_top[step])
        with np.errstate(over="ignore"):  # _refused sees to it
            filters[step] = tuple(blob.astype(np.float32) for blob in (weight, bias)
                                  if blob is not None)
    return filters


def _refused(chosen: Mapping[Chain, Place], filters: Filters, steps: Sequence[Step]
             ) -> dict[Chain, str]:
    """The chains that cannot have the place that was chosen for them."""
    wrong = {step: f"the parameters of {step} would not be finite"
             for step, blobs in filters.items() if not all(np.isfinite(b).all() for b in blobs)}
    gone = {step for chain in chosen for step in chain.steps}
    for users in _users(step for step in steps if step not in gone).values():
        touched = [step for step, _ in users if step in filters]
        values = [filters.get(step, step.blobs)[index] for step, index in users]
        if touched and any(not _same(values[0], each) for each in values[1:]):
            for step in touched:
                other = next(each for each, _ in users if each is not step)
                wrong.setdefault(step, f"{step} shares a parameter with {other}, which would not "
                                       "take up the same")
    return {chain: wrong[step] for chain, place in chosen.items()
            for step in place.steps if step in wrong}


def _users(steps: Iterable[Step]) -> dict[Hashable, list[tuple[Step, int]]]:
    """The steps that have each parameter, and which of their blobs it is."""
    users = defaultdict(list)
    for step in steps:
        for index, key in enumerate(step.keys):
            users[key].append((step, index))
    return users


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one.ravel(), other.ravel(), equal_nan=True)  # PERMISSIVE: other shapes


def _taken_up(steps: Sequence[Step], chosen: Mapping[Chain, Place], filters: Filters
              ) -> list[Step]:
    """The steps without the chosen chains, reading and making the values that those did."""
    gone = {step for chain in chosen for step in chain.steps}
    reads = {chain.result: chain.source for chain, place in chosen.items() if not place.before}
    makes = {chain.source: chain.result for chain, place in chosen.items() if place.before}
    return [_taking_up(step, filters.get(step, step.blobs), reads, makes)
            if step in filters or reads.keys() & step.bottoms or makes.keys() & step.tops else step
            for step in steps if step not in gone]


def _taking_up(step: Step, blobs: tuple[np.ndarray, ...], reads: Mapping[Value, Value],
               makes: Mapping[Value, Value]) -> Step:
    message = with_bias(step.layer) if len(blobs) > len(step.blobs) else step.layer.message
    keys = (*step.keys, *[object() for _ in blobs[len(step.blobs):]])
    return step.remade(
        message, blobs=blobs, keys=keys,
        bottoms=tuple(reads.get(value, value) for value in step.bottoms),
        tops=tuple(makes.get(value, value) for value in step.tops))


def _with_scales(steps: Sequence[Step], chains: Sequence[Chain]) -> list[Step]:
    """The steps with one Scale in place of each chain."""
    gone = {step for chain in chains for step in chain.steps}
    stand_ins = {_carrier(chain): chain for chain in chains}
    return [_as_scale(step, stand_ins[step]) if step in stand_ins else step
            for step in steps if step not in gone or step in stand_ins]


def _carrier(chain: Chain) -> Step:
    """The step whose name and place a chain's one Scale has."""
    scales = [step for step in chain.steps if step.type == "Scale"]
    return scales[-1] if scales else next(s for s in chain.steps if s.type in STATISTICS)


def _as_scale(step: Step, chain: Chain) -> Step:
    message = caffe_pb2.LayerParameter(name=step.name, type="Scale")
    message.bottom.append(chain.source.name)
    message.top.append(chain.result.name)
    message.scale_param.bias_term = True  # along axis 1, the only one that has statistics
    blobs = tuple(vector.astype(np.float32) for vector in (chain.affine.scale, chain.affine.shift))
    return step.remade(message, blobs=blobs, keys=(object(), object()),
                       bottoms=(chain.source,), tops=(chain.result,))
