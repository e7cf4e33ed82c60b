"""Two nets compared by what they make of random input, in the embedded engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netbuilder.errors import BuildError
from netbuilder.merge.steps import Step, Value, Wiring
from netbuilder.merge.stock import in_stock_types
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.net import Net
from netbuilder.torchcaffe.ops.base import op_types

BOUND = 1e-4  # of the largest value of an output, or of 1 where all are smaller
DEVIATIONS = (1.0, 16.0, 128.0)  # of the random inputs: normalised ones, and pixels
# They read labels or places, jump by a rounding, write files, or run a user's code.
_CHOOSY = frozenset({"Accuracy", "ArgMax", "BatchReindex", "Embed", "Filter", "HDF5Output",
                     "Python", "Threshold"})

Values = dict[Value, np.ndarray]


@dataclass(frozen=True)
class Difference:
    """The largest difference of two nets: where, how much, and the largest value there.

    ``inputs`` is how many random inputs it is of, ``apart`` the types that were not run: random
    values stood for what they make, and what they read was compared.
    """

    blob: str
    difference: float
    largest: float
    inputs: int
    apart: tuple[str, ...]

    @property
    def allowed(self) -> float:
        """What is taken for rounding."""
        return BOUND * max(self.largest, 1.0)


def largest_difference(before: Sequence[Step], after: Sequence[Step]) -> Difference:
    """How far two nets, the second made of the first's values, are from each other.

    Compared are the outputs, and what a Softmax reads that makes one. Raises BuildError if there
    is nothing to compare, or no finite number.
    """
    before, after = (in_stock_types(list(steps)) for steps in (before, after))
    given = [value for step in before if _is_apart(step) for value in step.tops]
    watched = _watched(before)
    if not watched:
        raise BuildError("the net makes nothing that could be compared with the merged one's")
    inputs = [_random(given, seed, deviation) for seed, deviation in enumerate(DEVIATIONS)]
    names = _names([*before, *after])
    pairs = [pair for pair in zip(_run(before, names, inputs, watched),
                                  _run(after, names, inputs, watched), strict=True)
             if all(np.isfinite(array).all() for array in pair[0].values())]
    if not pairs:
        raise BuildError("the net itself gives numbers that are not finite on every random "
                         "input, so nothing can be compared with the merged one's")
    apart = {step.type: None for step in before if _is_apart(step) and step.bottoms}
    found = (_difference(value, ours[value], theirs[value], len(pairs), tuple(apart))
             for theirs, ours in pairs for value in watched)
    return max(found, key=lambda each: each.difference / each.allowed)


def _difference(value: Value, ours: np.ndarray, theirs: np.ndarray, *facts: object) -> Difference:
    with np.errstate(all="ignore"):
        far = np.abs(ours.astype(np.float64) - theirs)
    difference = float(far.max(initial=0.0))
    return Difference(value.name, difference if np.isfinite(difference) else np.inf,
                      float(np.abs(theirs).max(initial=0.0)), *facts)


def _is_apart(step: Step) -> bool:
    """True for a source of data, and for what cannot be run on random numbers or not at all."""
    layer = step.layer
    return (not (step.bottoms or step.blobs) or layer.auto_top or step.type in _CHOOSY
            or bool(layer.fork) or step.type not in op_types())


def _watched(steps: Sequence[Step]) -> list[Value]:
    """What to compare: each output, what layers apart read, and the logits of a Softmax."""
    wiring = Wiring(steps)
    running = [step for step in steps if not _is_apart(step)]
    made = {value: step for step in running for value in step.tops}
    outputs = {value: None for value in made  # a Silence makes nothing of it
               if all(_is_apart(reader) or not reader.tops for reader in wiring.readers[value])}
    logits = {value: None for output in outputs if made[output].type == "Softmax"
              for value in made[output].bottoms if value in made}
    return [*outputs, *logits]


def _random(values: Iterable[Value], seed: int, deviation: float) -> Values:
    random = np.random.RandomState(seed)
    return {value: (deviation * random.standard_normal(value.shape)).astype(np.float32)
            for value in values}


def _names(steps: Sequence[Step]) -> dict[Value, str]:
    """A name of its own for each value: then no layer works in place, and all values stay."""
    values = dict.fromkeys(value for step in steps for value in step.tops)
    return {value: f"{number} {value.name}" for number, value in enumerate(values)}


def _run(steps: Sequence[Step], names: Mapping[Value, str], inputs: Sequence[Values],
         watched: Sequence[Value]) -> list[Values]:
    """What a net makes of each of the inputs, for the values that are watched."""
    net = Net(_message(steps, names), caffe_pb2.TEST, device="cpu", bf16=False)
    params = net.params
    for step in steps:
        if step.blobs and not _is_apart(step):
            for blob, array in zip(params[step.name], step.blobs, strict=True):
                blob.data[...] = array.reshape(blob.data.shape)
    results = []
    for values in inputs:
        for value, array in values.items():
            net.blobs[names[value]].data[...] = array
        net.forward()
        results.append({value: net.blobs[names[value]].data.copy() for value in watched})
    return results


def _message(steps: Sequence[Step], names: Mapping[Value, str]) -> caffe_pb2.NetParameter:
    net = caffe_pb2.NetParameter()
    for number, step in enumerate(steps):
        if _is_apart(step):
            for value in step.tops:
                source = net.layer.add(name=f"{number} {names[value]}", type="Input",
                                       top=[names[value]])
                source.input_param.shape.add(dim=value.shape)
            continue
        layer = net.layer.add()
        layer.CopyFrom(step.message())
        layer.bottom[:] = [names[value] for value in step.bottoms]
        layer.top[:] = [names[value] for value in step.tops]
    return net
