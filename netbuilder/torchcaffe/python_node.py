"""A Python layer in its net (python_layer.hpp)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netbuilder.layer import Shape
from netbuilder.torchcaffe.node import Node
from netbuilder.torchcaffe.vectors import BoolVec


class PythonNode(Node):
    """A Python layer in its net; to users it has their layer's attributes."""

    def fit(self, shapes: Sequence[Shape]) -> None:
        """Nothing: the layer looks at its bottoms when it runs."""

    def reshape(self) -> None:
        self.layer.user.reshape(self.layer.bottom, self.layer.top)

    def backward(self) -> None:
        if self.reach.layer:
            self.layer.user.backward(self.layer.top, BoolVec(self.reach.bottoms),
                                     self.layer.bottom)

    @property
    def __class__(self) -> type:
        """The user's class: what ``isinstance`` sees of a layer in a net."""
        return type(self.layer.user)

    def __getattr__(self, name: str) -> Any:
        if name == "layer":  # not there yet
            raise AttributeError(name)
        return getattr(self.layer.user, name)

    def __setattr__(self, name: str, value: Any) -> None:
        user = name not in Node.__dataclass_fields__
        object.__setattr__(self.layer.user if user else self, name, value)
