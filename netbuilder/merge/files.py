"""``merge_files``: a net's and a weight file merged, compared, and written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netbuilder import passes, weights
from netbuilder.errors import BuildError, EngineError, NetbuilderError, naming
from netbuilder.files import staged
from netbuilder.graph import Graph, resolve
from netbuilder.layer import Shape
from netbuilder.merge.check import BOUND, Difference, largest_difference
from netbuilder.merge.fold import Merged, fold
from netbuilder.merge.steps import Step, steps_of
from netbuilder.proto import caffe_pb2, io
from netbuilder.proto.comments import above_layers
from netbuilder.proto.text import dumps

WEIGHTS = "merged.caffemodel"
_BATCH = 2  # images that are enough to compare


@dataclass(frozen=True)
class Outcome:
    """What merging made: the two files, what was merged, how far off, and values before, after.

    ``unused`` are the layers that only the weight file has values for.
    """

    net: str
    weights: str
    merged: Merged
    difference: Difference
    before: int
    after: int
    unused: list[str]


def merge_files(
    net: str, weight_file: str, folder: str, *, level: int = 0, stages: Sequence[str] = (),
    inputs: Mapping[str, Shape] | None = None,
) -> Outcome:
    """Writes a net's TEST phase and its weights, merged, into a folder.

    Nothing is written unless both nets agree on random input: EngineError if they do not. Raises
    another NetbuilderError for files that do not fit each other, or cannot be read or written.
    """
    message = io.read_net(net)
    paths = _paths(folder, net, weight_file)
    arrays = weights.read_weights(weight_file)
    with naming(net):
        chosen = _chosen(message, level, stages, arrays)
        graph = _small(chosen, inputs or {})
    with naming(weight_file):
        steps = steps_of(graph, arrays)
    merged = fold(steps)
    with naming(net):
        difference = largest_difference(steps, merged.steps)
    if difference.difference > difference.allowed:
        raise EngineError(
            f'{net}: merged, "{difference.blob}" would differ by {difference.difference:.3g} on '
            f"random input, where its values reach {difference.largest:.3g}; {BOUND:g} of that, or "
            f"of 1, is allowed. Nothing was written")
    text = _text(net, weight_file, chosen, merged, _comments(net, message, level, stages))
    with staged(folder) as staging:
        io.write_atomically(os.path.join(staging, os.path.basename(paths[0])), text)
        weights.write_weights(os.path.join(staging, WEIGHTS), chosen.name,
                              [(_stated(step), step.blobs) for step in merged.steps])
    known = {step.name for step in steps}
    return Outcome(*paths, merged, difference, _stored(steps), _stored(merged.steps),
                   [name for name, own in arrays.items() if own and name not in known])


def _paths(folder: str, net: str, weight_file: str) -> tuple[str, str]:
    stem = os.path.splitext(os.path.basename(net))[0]
    paths = os.path.join(folder, f"{stem}.prototxt"), os.path.join(folder, WEIGHTS)
    for path in paths:
        for given in (net, weight_file):
            if os.path.realpath(path) == os.path.realpath(given):
                raise BuildError(f"{path} would be written over {given}: choose another folder")
    return paths


def _chosen(message: Any, level: int, stages: Sequence[str], arrays: Mapping[str, list]) -> Any:
    """The net's TEST phase without values, but with as many blobs as the weights have for a BN."""
    net = passes.for_phase(passes.without_splits(passes.upgrade(message)), caffe_pb2.TEST, level,
                           stages)
    for layer in net.layer:
        del layer.blobs[:]
        if layer.type == "BN":  # nothing else may tell which of two forks it is of
            layer.blobs.extend(caffe_pb2.BlobProto() for _ in arrays.get(layer.name, ()))
    return net


def _small(net: Any, inputs: Mapping[str, Shape]) -> Graph:
    """The net's graph, for a small batch if its layers are the same then."""
    graph = resolve(net, caffe_pb2.TEST, inputs=inputs)
    small = {top: (_BATCH, *shape[1:]) for layer in graph.layers if not layer.bottoms
             for top, shape in zip(layer.tops, layer.top_shapes, strict=False)
             if not layer.blobs and shape[:1] == (graph.batch,)}
    try:
        other = resolve(net, caffe_pb2.TEST, inputs={**inputs, **small})
    except NetbuilderError:
        return graph
    same = all(one.blobs == two.blobs for one, two in zip(graph.layers, other.layers, strict=True))
    return other if same and graph.batch > _BATCH else graph


def _text(net: str, weight_file: str, chosen: Any, merged: Merged,
          comments: Mapping[str, str]) -> str:
    """The merged net as prototxt."""
    message = caffe_pb2.NetParameter()
    message.CopyFrom(chosen)
    message.ClearField("state")  # no layer has rules any more
    del message.layer[:]
    message.layer.extend(step.message() for step in merged.steps)
    return (f"# The TEST phase of {os.path.basename(net)} with the batch norms of\n"
            f"# {os.path.basename(weight_file)} merged; its weights: {WEIGHTS}\n\n"
            + dumps(message, comments))


def _comments(net: str, message: Any, level: int, stages: Sequence[str]) -> dict[str, str]:
    """What stands above each layer that TEST keeps, by its name; an upgrade loses it."""
    if message.layers or io.is_binary(net):
        return {}
    with open(net, encoding="utf-8", errors="replace") as file:
        above = above_layers(file.read())
    comments = {}
    for layer, comment in zip(message.layer, above, strict=True):
        alone = caffe_pb2.NetParameter(layer=[layer], state=message.state)
        if comment and passes.for_phase(alone, caffe_pb2.TEST, level, stages).layer:
            comments.setdefault(layer.name, comment)
    return comments


def _stated(step: Step) -> Any:
    """The layer's message with its phase, as Caffe writes it."""
    message = step.message()
    message.phase = caffe_pb2.TEST
    return message


def _stored(steps: Iterable[Step]) -> int:
    """How many values a net stores, shared ones once."""
    return sum({key: blob.size for step in steps
                for key, blob in zip(step.keys, step.blobs, strict=True)}.values())
