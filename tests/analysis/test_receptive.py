"""Receptive fields: by hand, published ones, and small random nets by brute force."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from netbuilder.analysis.receptive import Field, receptive_fields
from netbuilder.errors import ShapeError
from netbuilder.graph import Graph, resolve
from netbuilder.nets.resnet import resnet
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse


def layer(kind: str, bottom: str, top: str, fields: str = "") -> str:
    names = [f'bottom: "{name}"' for name in bottom.split()] + [f'top: "{top}"']
    return f'layer {{ name: "{top}" type: "{kind}" {" ".join(names)} {fields} }}'


def data(*dims: int, name: str = "data") -> str:
    return (f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
            f"dim: [{', '.join(map(str, dims))}] }} }} }}")


def conv(bottom: str, top: str, fields: str) -> str:
    return layer("Convolution", bottom, top, f"convolution_param {{ num_output: 1 {fields} }}")


def pool(bottom: str, top: str, fields: str) -> str:
    return layer("Pooling", bottom, top, f"pooling_param {{ {fields} }}")


def deconv(bottom: str, top: str, fields: str) -> str:
    return layer("Deconvolution", bottom, top, f"convolution_param {{ num_output: 1 {fields} }}")


def graph(*lines: str) -> Graph:
    return resolve(parse("\n".join(lines), caffe_pb2.NetParameter()), caffe_pb2.TEST)


def of(*lines: str) -> dict[str, Field | None]:
    return receptive_fields(graph(*lines))


def figures(field: Field | None) -> list[tuple[Any, Any, Any]]:
    assert field is not None
    return [(axis.size, axis.stride, axis.offset) for axis in field.axes]


IMAGE = data(1, 3, 64, 64)


@pytest.mark.parametrize("line, h, w", [
    (conv("data", "y", "kernel_size: 3"), (3, 1, 1), (3, 1, 1)),
    (conv("data", "y", "kernel_size: 3 pad: 1 stride: 2"), (3, 2, 0), (3, 2, 0)),
    (conv("data", "y", "kernel_size: 3 dilation: 4 pad: 4"), (9, 1, 0), (9, 1, 0)),
    (conv("data", "y", "kernel_h: 1 kernel_w: 7 stride_h: 3 stride_w: 1 pad_h: 0 pad_w: 3"),
     (1, 3, 0), (7, 1, 0)),
    (conv("data", "y", "kernel_size: 4 stride: 2"), (4, 2, Fraction(3, 2)), (4, 2, Fraction(3, 2))),
    (pool("data", "y", "kernel_size: 3 stride: 2"), (3, 2, 1), (3, 2, 1)),
    (pool("data", "y", "global_pooling: true"), (64, 1, Fraction(63, 2)), (64, 1, Fraction(63, 2))),
    (deconv("data", "y", "kernel_size: 2 stride: 2"),
     (1, Fraction(1, 2), Fraction(-1, 4)), (1, Fraction(1, 2), Fraction(-1, 4))),
    (deconv("data", "y", "kernel_size: 4 stride: 2 pad: 1"),
     (2, Fraction(1, 2), Fraction(-1, 4)), (2, Fraction(1, 2), Fraction(-1, 4))),
    (layer("LRN", "data", "y", "lrn_param { norm_region: WITHIN_CHANNEL local_size: 5 }"),
     (5, 1, 0), (5, 1, 0)),
    (layer("LRN", "data", "y"), (1, 1, 0), (1, 1, 0)),
    (layer("Im2col", "data", "y", "convolution_param { kernel_size: 3 }"), (3, 1, 1), (3, 1, 1)),
    (layer("ReLU", "data", "y"), (1, 1, 0), (1, 1, 0)),
    (layer("Softmax", "data", "y"), (1, 1, 0), (1, 1, 0)),
    (layer("Scale", "data", "y"), (1, 1, 0), (1, 1, 0)),
])
def test_one_layer(line: str, h: tuple, w: tuple) -> None:
    assert figures(of(IMAGE, line)["y"]) == [h, w]


@pytest.mark.parametrize("line", [
    layer("InnerProduct", "data", "y", "inner_product_param { num_output: 2 }"),
    layer("Flatten", "data", "y"), layer("MVN", "data", "y"),
    layer("Softmax", "data", "y", "softmax_param { axis: 2 }"),
    layer("Concat", "data data", "y", "concat_param { axis: 3 }"),
    layer("Reshape", "data", "y", "reshape_param { shape { dim: 0 dim: 0 dim: 32 dim: 128 } }"),
])
def test_no_field_where_it_has_no_meaning(line: str) -> None:
    assert of(IMAGE, line)["y"] is None


def test_no_field_of_labels_nor_of_two_inputs() -> None:
    fields = of(IMAGE, data(1, 3, 64, 64, name="other"), data(1, name="label"),
                layer("Eltwise", "data other", "sum"), layer("ReLU", "other", "relu"))
    assert fields["label"] is None and fields["sum"] is None
    assert fields["relu"].source == "other"


def test_a_crop_shifts() -> None:
    fields = of(IMAGE, data(1, 3, 8, 8, name="size"),
                layer("Crop", "data size", "y", "crop_param { axis: 2 offset: 5 offset: 7 }"))
    assert figures(fields["y"]) == [(1, 1, 5), (1, 1, 7)]
    channels = of(IMAGE, data(1, 2, 8, 8, name="size"), layer(
        "Crop", "data size", "y", "crop_param { axis: 1 offset: 1 offset: 5 offset: 7 }"))
    assert figures(channels["y"]) == [(1, 1, 5), (1, 1, 7)]


def test_branches_give_their_union_and_say_whether_they_agree() -> None:
    inception = of(IMAGE, conv("data", "a", "kernel_size: 1"),
                   conv("data", "b", "kernel_size: 5 pad: 2"), layer("Concat", "a b", "y"),
                   layer("ReLU", "y", "z"))
    assert figures(inception["z"]) == [(5, 1, 0)] * 2 and inception["z"].aligned
    shifted = of(IMAGE, conv("data", "a", "kernel_size: 2"),
                 conv("data", "b", "kernel_size: 4 pad: 1"), layer("Concat", "a b", "y"))
    assert shifted["y"].aligned  # 2 at 0..1 in the middle of 4 at -1..2
    off = of(IMAGE, conv("data", "a", "kernel_size: 3 pad: 0"),
             conv("data", "b", "kernel_size: 1 pad: 0"), pool("b", "c", "kernel_size: 3"),
             layer("Slice", "data", "d", "slice_param { axis: 1 }"),
             layer("Crop", "d a", "e", "crop_param { axis: 2 }"),
             conv("e", "f", "kernel_size: 1"), layer("Concat", "a c f", "y"),
             layer("ReLU", "y", "z"))
    assert not off["y"].aligned and not off["z"].aligned
    assert figures(off["z"]) == [(3, 1, 1)] * 2


def test_what_is_laid_along_is_not_followed() -> None:
    gated = of(IMAGE, pool("data", "g", "global_pooling: true"),
               layer("Reshape", "g", "r", "reshape_param { shape { dim: 0 dim: -1 } }"),
               layer("Scale", "data r", "y", "scale_param { axis: 0 }"))
    assert figures(gated["y"]) == [(1, 1, 0)] * 2


def test_three_spatial_axes() -> None:
    field = of(data(1, 2, 9, 9, 9), conv("data", "y", "kernel_size: [1, 3, 5]"))["y"]
    assert [axis.size for axis in field.axes] == [1, 3, 5]


# Published: 483 for the last stage of ResNet-50 (Araujo et al., Computing Receptive Fields of
# Convolutional Neural Networks, Distill 2019), 195 for AlexNet's pool5, 212 for VGG-16's.


def test_resnet_50() -> None:
    net = resolve(resnet().to_proto(), caffe_pb2.TEST)
    fields = receptive_fields(net)
    last = [name for name, shape in net.blobs.items() if shape[1:] == (2048, 7, 7)][-1]
    assert [(axis.size, axis.stride) for axis in fields[last].axes] == [(483, 32)] * 2
    assert fields[last].aligned


def test_alexnet() -> None:
    lines = [data(1, 3, 227, 227), conv("data", "c1", "kernel_size: 11 stride: 4"),
             pool("c1", "p1", "kernel_size: 3 stride: 2"),
             conv("p1", "c2", "kernel_size: 5 pad: 2"),
             pool("c2", "p2", "kernel_size: 3 stride: 2")]
    lines += [conv(f"{'p' if i == 3 else 'c'}{i - 1}", f"c{i}", "kernel_size: 3 pad: 1")
              for i in (3, 4, 5)]
    fields = of(*lines, pool("c5", "p5", "kernel_size: 3 stride: 2"))
    sizes = [fields[name].axes[0].size for name in ("c1", "p1", "c2", "p2", "c3", "c5", "p5")]
    assert sizes == [11, 19, 51, 67, 99, 163, 195]
    assert fields["p5"].axes[0].stride == 32


def test_vgg_16() -> None:
    lines, bottom = [data(1, 3, 224, 224)], "data"
    for stage, count in enumerate((2, 2, 3, 3, 3)):
        for index in range(count):
            lines.append(conv(bottom, f"c{stage}_{index}", "kernel_size: 3 pad: 1"))
            bottom = f"c{stage}_{index}"
        lines.append(pool(bottom, f"p{stage}", "kernel_size: 2 stride: 2"))
        bottom = f"p{stage}"
    assert [(axis.size, axis.stride) for axis in of(*lines)["p4"].axes] == [(212, 32)] * 2


# By brute force: what each place of the top truly reads, by Caffe's loops over windows.


class Step(NamedTuple):
    """A layer over the first of two spatial axes."""

    kind: str
    kernel: int
    stride: int
    pad: int
    dilation: int

    def line(self, bottom: str, top: str) -> str:
        fields = (f"kernel_h: {self.kernel} kernel_w: 1 stride_h: {self.stride} stride_w: 1 "
                  f"pad_h: {self.pad} pad_w: 0")
        if self.kind == "Pooling":
            return pool(bottom, top, fields)
        write = {"Convolution": conv, "Deconvolution": deconv}[self.kind]
        return write(bottom, top, f"{fields} dilation: [{self.dilation}, 1]")

    def reads(self, size: int, tops: int) -> list[set[int]]:
        """For each place of the top: the places of the bottom that it reads."""
        found: list[set[int]] = [set() for _ in range(tops)]
        wide = self.kind == "Deconvolution"  # its windows lie in the top
        for window, k in product(range(size if wide else tops), range(self.kernel)):
            other = window * self.stride - self.pad + k * self.dilation
            if wide and 0 <= other < tops:
                found[other].add(window)
            elif not wide and 0 <= other < size:
                found[window].add(other)
        return found


KINDS = ("Convolution", "Deconvolution", "Pooling")


@st.composite
def step(draw: Any, kinds: tuple[str, ...]) -> Step:
    kind = draw(st.sampled_from(kinds))
    dilation = 1 if kind == "Pooling" else draw(st.integers(1, 2))
    return Step(kind, draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 2)),
                dilation)


def chain(size: int, steps: list[Step]) -> Graph:
    lines = [each.line(f"b{index}", f"b{index + 1}") for index, each in enumerate(steps)]
    try:
        net = graph(data(1, 1, size, 1, name="b0"), *lines)
    except ShapeError:  # a pad as large as its kernel, nothing left of the image
        reject()
    assume(all(shape[2] for shape in net.blobs.values()))
    return net


def truth(net: Graph, steps: list[Step]) -> list[list[set[int]]]:
    """For each blob: for each of its places, the places of the input that it depends on."""
    sizes = [shape[2] for shape in net.blobs.values()]
    reads = [[{i} for i in range(sizes[0])]]
    for each, tops in zip(steps, sizes[1:], strict=True):
        below = reads[-1]
        reads.append([set().union(*(below[i] for i in places))
                      for places in each.reads(len(below), tops)])
    return reads


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 40), st.lists(step(KINDS), min_size=1, max_size=4))
def test_a_place_depends_on_nothing_outside_its_field(size: int, steps: list[Step]) -> None:
    net = chain(size, steps)
    fields = receptive_fields(net).values()
    for reads, field in zip(truth(net, steps), fields, strict=True):
        axis = field.axes[0]
        for place, seen in enumerate(reads):
            low, high = axis.stride * place + axis.low, axis.stride * place + axis.high
            assert all(low <= pixel <= high for pixel in seen)
            assert not seen or max(seen) - min(seen) < axis.size


@settings(max_examples=100, deadline=None)
@given(st.lists(step(("Convolution", "Pooling")), min_size=1, max_size=3))
def test_without_deconvolution_the_field_is_exact(steps: list[Step]) -> None:
    net = chain(300, steps)
    axis = receptive_fields(net)[f"b{len(steps)}"].axes[0]
    reads = truth(net, steps)[-1]
    place = len(reads) // 2  # far from the edges
    seen = reads[place]
    middle = axis.stride * place + axis.offset
    assert (max(seen) - min(seen) + 1, Fraction(max(seen) + min(seen), 2)) == (axis.size, middle)
