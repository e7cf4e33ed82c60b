"""LSTM, RNN and the unit that an unrolled LSTM is made of (recurrent_layer.cpp)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netbuilder.layer import Layer, Operations, Shape, register, show
from netbuilder.layers.neuron import SIGMOID

# i, f, o = sigmoids, g = tanh; f stopped by the mark; c' = f c + i g; h' = o tanh(c').
LSTM_UNIT = SIGMOID * 3 + Operations(multiplications=4, additions=1, exponentials=2)


class _Recurrent(Layer):
    """Input (T, N, ...), sequence marks (T, N), a static input (N, ...) if given, and the states.

    With ``expose_hidden`` the initial states are bottoms and the final ones tops, each
    (1, N, num_output).
    """

    param = "recurrent_param"
    bottoms_wanted = (2, None)
    tops_wanted = (1, None)
    time_major = True
    states = 1  # how many state blobs pass from step to step
    gates = 1  # outputs of the input transformation per hidden unit
    unit = Operations()  # of one hidden unit in one step, once its gates are known

    def setup(self) -> None:
        self.num_output = self.fields.num_output
        self.expose_hidden = self.fields.expose_hidden
        exposed = self.states if self.expose_hidden else 0
        self.static_input = len(self.bottom_shapes) > 2 + exposed
        self._check_count("bottom", len(self.bottom_shapes),
                          (2 + exposed, 3 + exposed))
        self._check_count("top", self.top_count, (1 + exposed, 1 + exposed))
        if self.num_output < 1:
            self.fail("num_output must be at least 1")
        self._check_bottoms(exposed)

    def _check_bottoms(self, exposed: int) -> None:
        data, marks = self.bottom_shapes[:2]
        if len(data) < 3 or marks != data[:2]:
            self.fail(f"needs data (T, N, ...) and marks (T, N), not {show(data)} and "
                      f"{show(marks)}")
        if self.static_input:
            static = self.bottom_shapes[2]
            if len(static) < 2 or static[0] != data[1]:
                self.fail(f"the static input {show(static)} must be (N, ...) with N = {data[1]}")
        for shape in self.bottom_shapes[len(self.bottom_shapes) - exposed:]:
            if shape != self.state_shape:
                self.fail(f"an initial state must be {show(self.state_shape)}, not {show(shape)}")

    @property
    def state_shape(self) -> Shape:
        """Shape of one exposed state."""
        return (1, self.bottom_shapes[0][1], self.num_output)

    def shapes(self) -> Sequence[Shape]:
        steps, streams = self.bottom_shapes[0][:2]
        exposed = [self.state_shape] * (self.top_count - 1)
        return [(steps, streams, self.num_output), *exposed]

    @property
    def starved(self) -> bool:
        return 0 in self.bottom_shapes[0][:2]

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        width = self.gates * self.num_output
        static = ([("static weight", (width, prod(self.bottom_shapes[2][1:])))]
                  if self.static_input else [])
        return [("input weight", (width, prod(self.bottom_shapes[0][2:]))), ("bias", (width,)),
                *static, ("hidden weight", (width, self.num_output))]

    def macs(self) -> int:
        steps, streams = self.bottom_shapes[0][:2]
        return streams * sum(
            blob.count * (1 if blob.name == "static weight" else steps)
            for blob in self.blobs if blob.name.endswith("weight")
        )

    def operations(self) -> Operations:
        units = prod(self.top_shapes[0])
        # In every step: bias, hidden and (if there is one) static part are added to the gates,
        # and the marks stop the hidden state where a sequence begins.
        each = Operations(1, self.gates * (2 + self.static_input)) + self.unit
        return Operations(self.macs(), self.macs()) + each * units


@register
class LSTM(_Recurrent):
    """Long short-term memory with forget gates (lstm_layer.cpp)."""

    states = 2
    gates = 4
    unit = LSTM_UNIT


@register
class RNN(_Recurrent):
    """h' = tanh(W h + U x + b), o = tanh(V h' + c) (rnn_layer.cpp)."""

    unit = Operations(additions=1, exponentials=2)

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        n = self.num_output
        return [*super().parameters(), ("output weight", (n, n)), ("output bias", (n,))]


@register
class LSTMUnit(Layer):
    """One step of an LSTM from its four summed gates (lstm_unit_layer.cpp)."""

    bottoms_wanted = (3, 3)
    tops_wanted = (2, 2)

    def setup(self) -> None:
        cell, gates, marks = self.bottom_shapes
        wanted = len(cell) == 3 and cell[0] == 1
        if not wanted or gates != (1, cell[1], 4 * cell[2]) or marks != (1, cell[1]):
            self.fail(f"needs (1, N, D), (1, N, 4 D) and (1, N), not {show(cell)}, "
                      f"{show(gates)} and {show(marks)}")

    def operations(self) -> Operations:
        return LSTM_UNIT * self.count
