"""Network in network's block (arXiv 1312.4400), as trained in Torch7."""

from __future__ import annotations

from netbuilder.lego.base import BaseLego, Bottom, Chain, lego, single
from netbuilder.lego.torch7 import TorchConv, TorchNorm, neuron
from netbuilder.spec import NetSpec, Top


@lego
class NINBlock(BaseLego):
    """A convolution and two of 1x1, ``<name>_cccp_a`` and ``<name>_cccp_b``, of one width.

    Each has batch norm, unless ``batch_norm`` is False, and ReLU.
    """

    name: str
    num_output: int
    kernel_size: int
    stride: int = 1
    pad: int = 0
    batch_norm: bool = True

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        convs = [
            TorchConv(name=self.name, num_output=self.num_output, kernel_size=self.kernel_size,
                      stride=self.stride, pad=self.pad),
            *(TorchConv(name=f"{self.name}_cccp_{one}", num_output=self.num_output, kernel_size=1)
              for one in "ab")]
        links = [link for conv in convs for link in (conv, self._after(conv.name))]
        return single(Chain(links=links).attach(netspec, bottom))

    def _after(self, name: str) -> BaseLego:
        return TorchNorm(name=name) if self.batch_norm else neuron("ReLU", name)
