"""Layers written in Python: pycaffe's base class, and how the engine runs its subclasses
(python_layer.hpp, layer_factory.cpp, _caffe.cpp).

A layer has ``setup(bottom, top)``, ``reshape(bottom, top)``, ``forward(bottom, top)`` and
``backward(top, propagate_down, bottom)``; bottoms and tops are the net's Blobs. What it raises goes
to the caller as it is.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from netbuilder import layer as static
from netbuilder.errors import NoPythonLayer, UnfinishedLayer
from netbuilder.torchcaffe.blob import Blob
from netbuilder.torchcaffe.install import install_as_caffe
from netbuilder.torchcaffe.vectors import BlobVec, RawBlobVec


class Layer:
    """What a user's layer is derived from: ``class Mine(caffe.Layer)``.

    ``blobs`` are its parameters, which ``setup`` makes by ``self.blobs.add_blob(*shape)``;
    ``param_str`` and ``phase`` come from the net and are there when ``setup`` runs. To pycaffe a
    net's other layers are Layers as well.
    """

    type = "Python"
    param_str: str
    phase: int

    def __init__(self, layer_param: Any) -> None:
        self.blobs = BlobVec()

    def setup(self, bottom: RawBlobVec, top: RawBlobVec) -> None:
        """What a layer does once, first of all; each must have its own."""
        raise UnfinishedLayer(f"{type(self).__module__}.{type(self).__name__} has no "
                              "setup(self, bottom, top)")

    def reshape(self, bottom: RawBlobVec, top: RawBlobVec) -> None:
        """Shapes the tops; each must have its own."""
        raise UnfinishedLayer(f"{type(self).__module__}.{type(self).__name__} has no "
                              "reshape(self, bottom, top)")


class Running(static.Layer):
    """A Python layer, resolved by running it: ``user`` has seen ``setup`` and ``reshape``, with
    the ``bottom`` and ``top`` that it goes on working with."""

    param = "python_param"
    bottoms_wanted = (0, None)
    tops_wanted = (0, None)
    type = "Python"

    def __init__(self, message: Any, phase: int, user: Layer, bottom: RawBlobVec, top: RawBlobVec
                 ) -> None:
        self.user, self.bottom, self.top = user, bottom, top
        super().__init__(message, [blob.shape for blob in bottom], phase)

    def setup(self) -> None:
        self.user.param_str, self.user.phase = self.fields.param_str, int(self.phase)
        self.user.setup(self.bottom, self.top)
        self.user.reshape(self.bottom, self.top)

    def shapes(self) -> Sequence[static.Shape]:
        return [blob.shape for blob in self.top]

    def parameters(self) -> Sequence[tuple[str, static.Shape]]:
        return [(f"blob {index}", blob.shape) for index, blob in enumerate(self.user.blobs)]

    def run(self) -> None:
        """One forward; as in Caffe the layer is asked for its tops' shapes first."""
        self.user.reshape(self.bottom, self.top)
        self.user.forward(self.bottom, self.top)


class PythonLayers:
    """Makes the Python layers of one net on ``device``, as a maker for ``graph.resolve``.

    A layer gets its Blobs in ``setup``, before the net has any; the net then takes them.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._blobs: dict[str, Blob] = {}

    def __call__(self, message: Any, bottom_shapes: Sequence[static.Shape], phase: int,
                 told: Mapping[str, static.Shape]) -> Running:
        user = _load(message)
        user.blobs.device = self.device
        bottom = RawBlobVec(self._blob(name) for name in message.bottom)
        for blob, shape in zip(bottom, bottom_shapes, strict=True):
            blob.reshape(*shape)
        top = RawBlobVec(self._blob(name) for name in message.top)
        return Running(message, phase, user, bottom, top)

    def take(self, name: str, shape: static.Shape) -> Blob:
        """The blob that a layer has got under this name; else, a new one."""
        return self._blobs.pop(name, None) or Blob(shape, self.device)

    def _blob(self, name: str) -> Blob:
        return self._blobs.setdefault(name, Blob((), self.device))


def _load(message: Any) -> Layer:
    fields, where = message.python_param, f'layer "{message.name}" (Python)'
    if "caffe" not in sys.modules:  # which the module will import
        install_as_caffe()
    try:
        module = importlib.import_module(fields.module)
    except Exception as error:
        raise NoPythonLayer(f'{where}: its module "{fields.module}" cannot be imported: '
                            f"{type(error).__name__}: {error}. Is its folder in PYTHONPATH?"
                            ) from error
    if not hasattr(module, fields.layer):
        raise NoPythonLayer(f'{where}: module "{fields.module}" ({module.__file__}) has no layer '
                            f'"{fields.layer}"')
    user = getattr(module, fields.layer)(message)
    if not isinstance(user, Layer):
        raise NoPythonLayer(f"{where}: {fields.module}.{fields.layer} is not derived from this "
                            f"engine's caffe.Layer")
    return user
