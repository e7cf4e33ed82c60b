"""InnerProduct, Scale, Bias, Embed: learned linear maps."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netbuilder.layer import Layer, Operations, Reach, Shape, register, show


@register
class InnerProduct(Layer):
    """A fully connected layer over the axes from ``axis`` on (inner_product_layer.cpp)."""

    param = "inner_product_param"

    def setup(self) -> None:
        self.first_axis = self.axis(self.fields.axis)
        self.num_output = self.fields.num_output
        self.transpose, self.bias_term = self.fields.transpose, self.fields.bias_term
        self.num_input = prod(self.bottom_shapes[0][self.first_axis:])
        if self.num_output < 1:
            self.fail("num_output must be at least 1")

    def shapes(self) -> Sequence[Shape]:
        return [self.bottom_shapes[0][: self.first_axis] + (self.num_output,)]

    @property
    def starved(self) -> bool:
        return self.bias_term and not prod(self.bottom_shapes[0][: self.first_axis])

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        weight = (self.num_output, self.num_input)
        bias = [("bias", (self.num_output,))] if self.bias_term else []
        return [("weight", weight[::-1] if self.transpose else weight), *bias]

    def macs(self) -> int:
        return prod(self.bottom_shapes[0][: self.first_axis]) * self.blobs[0].count

    def operations(self) -> Operations:
        bias = prod(self.top_shapes[0]) if self.bias_term else 0
        return Operations(self.macs(), self.macs() + bias)


class _AlongAxes(Layer):
    """What Scale and Bias share: a small blob laid along some axes of the first bottom.

    The blob is the second bottom, or learned with the shape of ``num_axes`` axes from ``axis``
    (-1: all that follow; 0: a scalar).
    """

    bottoms_wanted = (1, 2)

    def setup(self) -> None:
        self.learned = len(self.bottom_shapes) == 1
        self.operand_shape = self._own_shape() if self.learned else self.bottom_shapes[1]
        # A scalar fits anywhere, and then Caffe ignores the axis.
        self.first_axis = self.axis(self.fields.axis) if self.operand_shape else 0
        end = self.first_axis + len(self.operand_shape)
        if self.bottom_shapes[0][self.first_axis: end] != self.operand_shape:
            self.fail(f"a blob of shape {show(self.operand_shape)} does not fit the bottom "
                      f"{show(self.bottom_shapes[0])} from axis {self.first_axis} on")

    def _own_shape(self) -> Shape:
        count, shape = self.fields.num_axes, self.bottom_shapes[0]
        if count < -1:
            self.fail(f"num_axes must be -1 or more, not {count}")
        first = self.axis(self.fields.axis)  # must exist even for a scalar
        if first + count > len(shape):
            self.fail(f"num_axes {count} from axis {first} reaches past the bottom {show(shape)}")
        return shape[first:] if count == -1 else shape[first: first + count]

    @property
    def inner(self) -> Shape:
        """The axes behind those that the blob lies along."""
        return self.bottom_shapes[0][self.first_axis + len(self.operand_shape):]

    def reach(self, bottom: int) -> Sequence[Reach] | None:
        # What is laid along is taken for a parameter, also where a net computes it.
        return () if bottom else [(1, 0, 0)] * (len(self.bottom_shapes[0]) - 2)


@register
class Scale(_AlongAxes):
    """Multiplies by a blob along some axes, and adds a bias if asked (scale_layer.cpp)."""

    param = "scale_param"

    def setup(self) -> None:
        super().setup()
        self.bias_term = self.fields.bias_term
        if self.bias_term:  # the Bias layer inside is a learned one
            self.axis(self.fields.axis)

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        scale = [("scale", self.operand_shape)] if self.learned else []
        return scale + ([("bias", self.operand_shape)] if self.bias_term else [])

    @property
    def starved(self) -> bool:
        return 0 in self.inner and (self.bias_term or 0 in self.bottom_shapes[0][: self.first_axis])

    def operations(self) -> Operations:
        return Operations(multiplications=1, additions=self.bias_term) * self.count


@register
class Bias(_AlongAxes):
    """Adds a blob along some axes (bias_layer.cpp)."""

    param = "bias_param"

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        return [("bias", self.operand_shape)] if self.learned else []

    @property
    def starved(self) -> bool:
        return 0 in self.inner

    def operations(self) -> Operations:
        return Operations(additions=1) * self.count


@register
class Embed(Layer):
    """Looks up a row of ``num_output`` values for each integer of the bottom (embed_layer.cpp)."""

    param = "embed_param"

    def setup(self) -> None:
        self.num_output, self.input_dim = self.fields.num_output, self.fields.input_dim
        self.bias_term = self.fields.bias_term
        if self.num_output < 1 or self.input_dim < 1:
            self.fail("num_output and input_dim must be at least 1")

    def shapes(self) -> Sequence[Shape]:
        return [(*self.bottom_shapes[0], self.num_output)]

    @property
    def starved(self) -> bool:
        return self.bias_term and not self.count

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        bias = [("bias", (self.num_output,))] if self.bias_term else []
        return [("weight", (self.input_dim, self.num_output)), *bias]

    def operations(self) -> Operations:
        return Operations(additions=self.bias_term) * prod(self.top_shapes[0])
