"""One fork layer on bottoms of given shapes, through a whole net."""

from __future__ import annotations

from netbuilder.graph import resolve
from netbuilder.layer import Layer, Shape
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse


def layer(text: str, *bottoms: Shape, tops: int = 1, told: dict[str, Shape] | None = None) -> Layer:
    """The layer with these fields, over Inputs ``b0``, ``b1`` ..., making ``t0``, ``t1`` ..."""
    inputs = "".join(
        f'layer {{ name: "b{i}" type: "Input" top: "b{i}" input_param {{ shape {{ '
        + " ".join(f"dim: {dim}" for dim in shape) + " } } }\n"
        for i, shape in enumerate(bottoms))
    wires = " ".join([f'bottom: "b{i}"' for i in range(len(bottoms))]
                     + [f'top: "t{i}"' for i in range(tops)])
    net = parse(f'{inputs}layer {{ name: "it" {wires} {text} }}', caffe_pb2.NetParameter())
    return resolve(net, inputs=told).layers[-1]


def blobs(made: Layer) -> list[tuple[str, Shape, bool]]:
    return [(blob.name, blob.shape, blob.learned) for blob in made.blobs]
