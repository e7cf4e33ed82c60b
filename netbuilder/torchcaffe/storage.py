"""Storage: the memory of a blob's values or of its gradient (syncedmem.hpp)."""

from __future__ import annotations

from math import prod

import torch

from netbuilder.errors import EngineError
from netbuilder.layer import Shape


class Storage:
    """Flat float32 memory that a device and numpy share, copied lazily between them on a GPU.

    Once numpy has seen it, it only ever grows, so that arrays handed out keep showing the newest
    values. On a GPU it works as Caffe's SyncedMemory: ``host`` brings the values to the CPU and
    says they may change there, ``device`` brings them back. ``missing`` says why there are no
    values, and is empty if there are; reading them then raises EngineError with it.

    While numpy does not see them, values of four axes may be ``laid`` with channels last, as the
    fast gait wants its filters; whoever asks for ``device`` or ``host`` has them back in order.
    """

    def __init__(self, device: torch.device) -> None:
        self.where = device
        self.missing = ""
        self._device = torch.zeros(0, device=device)
        self._host = self._device.cpu()  # on a CPU the same tensor
        self._newest_on_host = False
        self._seen = False  # on a CPU, by numpy: an array somewhere must go on showing the values
        self._cleared = False  # all values are to be zero; not written yet
        self._taken = False  # the memory is a tensor that `add` took in
        self.laid: torch.Tensor | None = None  # the newest values, with channels last

    def grow(self, count: int) -> None:
        """Makes room for ``count`` values; new memory is zero."""
        if count > self._device.numel():
            self._hold(torch.zeros(count, device=self.where))
            self._seen = False

    def write(self, values: torch.Tensor) -> None:
        """Copies values in, from the start on."""
        self.missing, self._cleared, self._newest_on_host, self.laid = "", False, False, None
        self._device[: values.numel()].view(values.shape).copy_(values)

    def clear(self) -> None:
        """Makes all values zero: at once for an array that shows them, else when needed.

        Memory that was taken in is given back, for the next gradients to be made in.
        """
        self.missing = ""
        if self._taken and not self._seen:
            self._hold(self._device.new_empty(0))
        self._cleared, self.laid = True, None
        if self._seen:
            self.host()

    def add(self, values: torch.Tensor, keep: bool) -> None:
        """Adds values; onto zeros it may, with ``keep``, take the tensor itself in."""
        if self.laid is not None and self.laid.shape == values.shape:
            self.laid.add_(values)
        elif not self._cleared:
            self.grow(values.numel())
            self.device()[: values.numel()].view(values.shape).add_(values)
        elif keep and values.is_contiguous():
            self._hold(values.view(-1))
            self._taken = True
        elif keep and _has_channels_last(values):
            self.laid, self._cleared = values, False
        else:
            self.grow(values.numel())
            self.write(values)

    def device(self) -> torch.Tensor:
        """The values where the engine computes."""
        if self.missing:
            raise EngineError(self.missing)
        if self.laid is not None:
            laid, self.laid = self.laid, None
            self.grow(laid.numel())
            self.write(laid)
        if self._cleared:
            self._device.zero_()
        elif self._newest_on_host:
            self._device.copy_(self._host)
        self._cleared = self._newest_on_host = False
        return self._device

    def lay(self, shape: Shape) -> torch.Tensor:
        """The values with channels last, to read; they are ``laid`` if numpy does not see them."""
        if self.laid is not None and self.laid.shape == shape:
            return self.laid
        values = self.device()[: prod(shape)].view(shape)
        laid = values.contiguous(memory_format=torch.channels_last)
        if laid is not values and not self._seen:
            self.laid = laid
        return laid

    def host(self) -> torch.Tensor:
        """The values where numpy reads and writes."""
        if self.missing or self._cleared or self.laid is not None:
            self.device()
        self._seen = self.where.type == "cpu"
        if self.where.type != "cpu" and not self._newest_on_host:
            if self._host.numel() != self._device.numel():
                self._host = torch.empty_like(self._device, device="cpu")
            self._host.copy_(self._device)
            self._newest_on_host = True
        return self._host

    def _hold(self, flat: torch.Tensor) -> None:
        self._device = flat
        if self.where.type == "cpu":
            self._host = flat
        self._cleared = self._newest_on_host = self._taken = False


def _has_channels_last(values: torch.Tensor) -> bool:
    return values.dim() == 4 and values.is_contiguous(memory_format=torch.channels_last)
