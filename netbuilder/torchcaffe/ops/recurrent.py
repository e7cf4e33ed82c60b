"""LSTM, RNN and LSTMUnit (recurrent_layer.cpp, lstm_layer.cpp, rnn_layer.cpp, lstm_unit_layer.cpp).

Caffe unrolls the net over time. Here one product takes the inputs of all steps, a loop takes the
hidden state from step to step, and its backward pass is written out: only the product with the
hidden weights is left in the loop, and their gradient is one product over all steps.

Gates stand in the order i, f, o, g. Shapes: T steps, N streams, D hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from netbuilder.layer import Layer
from netbuilder.torchcaffe.blob import Blob
from netbuilder.torchcaffe.glog import log
from netbuilder.torchcaffe.ops.base import Op, Tensors, register
from netbuilder.torchcaffe.rng import Rng


class _Recurrent(Op):
    """A state passed from step to step, and from the end of a pass to the start of the next.

    The marks ``cont`` (T, N) multiply the state that enters a step: 0 begins a sequence. With
    ``expose_hidden`` the caller passes the states on. Their gradients pass nowhere: Caffe's inner
    net shares the values of these bottoms and tops with the outer one, but not the diffs.
    """

    always_backward = True  # the inner net does not know what the outer one needs
    always_params = True
    never_backward = refuses_backward = (1,)

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        self._states: list[Blob] = []
        if layer.fields.debug_info:
            log.warning('layer "%s" (%s): debug_info prints nothing, for there is no net inside',
                        layer.name, layer.type)

    def fillers(self) -> Sequence[Any]:
        fields = self.layer.fields
        return [fields.weight_filler if blob.name.endswith("weight") else fields.bias_filler
                for blob in self.layer.blobs]

    def fit(self, layer: Layer) -> None:
        if layer.bottom_shapes[0][0] != self.layer.bottom_shapes[0][0]:
            layer.fail(f"the number of time steps may not change: it was "
                       f"{self.layer.bottom_shapes[0][0]}, and is {layer.bottom_shapes[0][0]}")
        super().fit(layer)
        for blob in self._states:  # values stay in flat order, as in Caffe
            blob.reshape(*layer.state_shape)

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        x, cont, *rest = bottoms
        weight, bias, *params = params
        inputs = linear(x.flatten(2), weight, bias)
        if self.layer.static_input:
            inputs = inputs + linear(rest.pop(0).flatten(1), params.pop(0))
        cont = cont.float()[..., None]
        top, last = self.steps(inputs.float(), cont, self._begin(rest, x), params)
        if self.layer.expose_hidden:
            return top, *last
        for blob, state in zip(self._states, last, strict=True):
            blob.put(state)
        return (top,)

    def _begin(self, exposed: Sequence[Tensor], like: Tensor) -> list[Tensor]:
        if self.layer.expose_hidden:
            return [state.detach() for state in exposed]
        if not self._states:
            self._states = [Blob(self.layer.state_shape, like.device)
                            for _ in range(self.layer.states)]
        return [blob.tensor for blob in self._states]

    def steps(self, inputs: Tensor, cont: Tensor, states: Tensors, params: Tensors
              ) -> tuple[Tensor, list[Tensor]]:
        """The top and the last states, from what the inputs (T, N, gates * D) add to the gates,
        the marks (T, N, 1), the first states (1, N, D) and the remaining parameters."""
        raise NotImplementedError


@register
class LSTM(_Recurrent):
    """Long short-term memory. Its exposed states are h and c."""

    def steps(self, inputs: Tensor, cont: Tensor, states: Tensors, params: Tensors
              ) -> tuple[Tensor, list[Tensor]]:
        top, cell = _LSTM.apply(inputs, cont, torch.cat(states), params[0])
        return top, [top.detach()[-1:], cell]


@register
class RNN(_Recurrent):
    """tanh twice: of the hidden state, and of the output made from it. Its state is the first."""

    def steps(self, inputs: Tensor, cont: Tensor, states: Tensors, params: Tensors
              ) -> tuple[Tensor, list[Tensor]]:
        hidden = _RNN.apply(inputs, cont, states[0], params[0])
        return torch.tanh(linear(hidden, *params[1:]).float()), [hidden.detach()[-1:]]


@register
class LSTMUnit(Op):
    """One step of an LSTM from its summed gates. The tops are c and h."""

    always_backward = True  # of cell and gates, if either is asked for
    never_backward = refuses_backward = (2,)
    reads_top = True

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        cell, gates, cont = bottoms
        return _Unit.apply(cell, gates, cont[..., None])

    def gradients(self, aside: Tensors, bottoms: Tensors, tops: Tensors, grads: Tensors,
                  wanted: Sequence[bool]) -> Tensors:
        cell, gates, cont = bottoms
        gates = _activate(gates.clone(), cont[..., None])
        return *_through_unit(gates, cell, tops[0], *grads), torch.zeros_like(cont)


def _activate(gates: Tensor, cont: Tensor) -> Tensor:
    """Makes gates of their sums, in place, and gives them as (..., 4, D); f stopped by ``cont``."""
    split = gates.unflatten(-1, (4, -1))
    split[..., :3, :].sigmoid_()
    split[..., 3, :].tanh_()
    split[..., 1, :] *= cont
    return split


def _slopes(gates: Tensor, before: Tensor, tanh_cell: Tensor) -> tuple[Tensor, Tensor]:
    """What a gradient is multiplied by on its way to the gates' sums, and from h to c.

    The gradient is that of c, but for o that of h. Where ``cont`` is neither 0 nor 1 the slope of
    f is not the true one, but Caffe's.
    """
    i, _, o, g = gates.unbind(-2)
    to_gates = torch.addcmul(gates, gates, gates, value=-1)
    for slope, factor in zip(to_gates.unbind(-2)[:3], (g, before, tanh_cell), strict=True):
        slope.mul_(factor)
    torch.mul(i, 1 - g * g, out=to_gates[..., 3, :])
    return to_gates, o * (1 - tanh_cell * tanh_cell)


class _LSTM(Function):
    """All steps: h (T, N, D) and the last c (1, N, D), which has no gradient."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, cont: Tensor, states: Tensor, weight: Tensor
                ) -> tuple[Tensor, Tensor]:
        steps, streams, width = inputs.shape
        gates = torch.empty_like(inputs)
        entering, top = inputs.new_empty(2, steps, streams, width // 4)
        cells = inputs.new_empty(steps + 1, streams, width // 4)
        h, cells[0] = states
        for t in range(steps):
            torch.mul(h, cont[t], out=entering[t])
            torch.addmm(inputs[t], entering[t], weight.t(), out=gates[t])
            i, f, o, g = _activate(gates[t], cont[t]).unbind(1)
            torch.addcmul(f * cells[t], i, g, out=cells[t + 1])
            h = torch.mul(o, cells[t + 1].tanh(), out=top[t])
        ctx.save_for_backward(gates, entering, cells, cont, weight)
        last = cells[-1:].clone()
        ctx.mark_non_differentiable(last)
        return top, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, top_grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        gates, entering, cells, cont, weight = ctx.saved_tensors
        split = gates.unflatten(-1, (4, -1))
        grads, to_cell = _slopes(split, cells[:-1], cells[1:].tanh())
        later_h = later_c = top_grad.new_zeros(top_grad.shape[1:])
        for t in range(len(grads) - 1, -1, -1):
            to_h = top_grad[t] + later_h
            to_c = torch.addcmul(later_c, to_h, to_cell[t])
            grads[t, :, :2] *= to_c[:, None]
            grads[t, :, 2] *= to_h
            grads[t, :, 3] *= to_c
            later_c = to_c * split[t, :, 1]
            later_h = (grads[t].flatten(1) @ weight) * cont[t]
        grads = grads.flatten(2)
        return grads, None, None, _over_steps(grads, entering)


class _RNN(Function):
    """All steps: the hidden states (T, N, D)."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, cont: Tensor, h: Tensor, weight: Tensor) -> Tensor:
        hidden, entering = torch.empty_like(inputs), torch.empty_like(inputs)
        h = h[0]
        for t in range(len(inputs)):
            torch.mul(h, cont[t], out=entering[t])
            h = torch.addmm(inputs[t], entering[t], weight.t(), out=hidden[t]).tanh_()
        ctx.save_for_backward(hidden, entering, cont, weight)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, hidden_grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden, entering, cont, weight = ctx.saved_tensors
        slope = 1 - hidden * hidden
        grads = torch.empty_like(hidden)
        later = torch.zeros_like(hidden[0])
        for t in range(len(grads) - 1, -1, -1):
            torch.mul(hidden_grad[t] + later, slope[t], out=grads[t])
            later = (grads[t] @ weight) * cont[t]
        return grads, None, None, _over_steps(grads, entering)


def _over_steps(grads: Tensor, entering: Tensor) -> Tensor:
    """The hidden weights' gradient, summed over steps and streams."""
    return grads.flatten(0, 1).t() @ entering.flatten(0, 1)


class _Unit(Function):
    """c and h (1, N, D) after one step."""

    @staticmethod
    def forward(ctx: Any, cell: Tensor, sums: Tensor, cont: Tensor) -> tuple[Tensor, Tensor]:
        gates = _activate(sums.clone(), cont)
        i, f, o, g = gates.unbind(-2)
        after = f * cell + i * g
        ctx.save_for_backward(gates, cell, after)
        return after, o * after.tanh()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_c: Tensor, to_h: Tensor) -> tuple[Tensor | None, ...]:
        return *_through_unit(*ctx.saved_tensors, to_c, to_h), None


def _through_unit(gates: Tensor, before: Tensor, after: Tensor, to_c: Tensor, to_h: Tensor
                  ) -> tuple[Tensor, Tensor]:
    """The gradients of the cell and of the gates' sums."""
    to_gates, to_cell = _slopes(gates, before, after.tanh())
    to_c = to_c + to_h * to_cell
    grads = to_gates * torch.stack([to_c, to_c, to_h, to_c], -2)
    return to_c * gates[..., 1, :], grads.flatten(-2)
