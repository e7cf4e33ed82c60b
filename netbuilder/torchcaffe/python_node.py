"""A Python layer in its net (python_layer.hpp)."""

from __future__ import annotations

from collections.abc import Sequence

from netbuilder.layer import Shape
from netbuilder.torchcaffe.node import Node
from netbuilder.torchcaffe.python_layer import Layer
from netbuilder.torchcaffe.vectors import BoolVec


class PythonNode(Node):
    """A Python layer in its net; users see their own object in its place."""

    @property
    def shown(self) -> Layer:
        return self.layer.user

    def fit(self, shapes: Sequence[Shape]) -> None:
        """Nothing: the layer looks at its bottoms when it runs."""

    def reshape(self) -> None:
        self.layer.user.reshape(self.layer.bottom, self.layer.top)

    def backward(self) -> None:
        if self.reach.layer:
            self.layer.user.backward(self.layer.top, BoolVec(self.reach.bottoms),
                                     self.layer.bottom)
