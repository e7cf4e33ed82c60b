"""Gates: a factor for each channel, which the channels themselves decide."""

from __future__ import annotations

from netbuilder.errors import BuildError
from netbuilder.lego.base import BaseLego, Bottom, Chain, LayerLego, lego, shape_of, single
from netbuilder.spec import NetSpec, Top


@lego
class SqueezeExcite(BaseLego):
    """Squeeze and excitation (arXiv 1709.01507): each channel times a factor between 0 and 1.

    The averages of all channels, two InnerProducts with ReLU between them (the first is ``ratio``
    times narrower) and Sigmoid give the factors, ``gate_<name>``; ``gated_<name>`` multiplies.
    """

    name: str
    ratio: int = 16

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        channels = shape_of(single(bottom))[1]
        if channels % self.ratio:
            raise BuildError(f"{self.name}: a width of {channels} does not divide by "
                             f"{self.ratio}; give a multiple of {self.ratio}")
        factors = Chain(links=[
            LayerLego("Pooling", name=f"pool_{self.name}", pool="AVE", global_pooling=True),
            LayerLego("InnerProduct", name=f"fc_{self.name}_squeeze",
                      num_output=channels // self.ratio),
            LayerLego("ReLU", name=f"relu_{self.name}_squeeze"),
            LayerLego("InnerProduct", name=f"fc_{self.name}_excite", num_output=channels),
            LayerLego("Sigmoid", name=f"gate_{self.name}"),
        ]).attach(netspec, bottom)
        scale = LayerLego("Scale", name=f"gated_{self.name}", axis=0, bias_term=False,
                          in_place=False)
        return scale.attach(netspec, [single(bottom), factors])
