"""HDF5Output: a batch written to a file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from netbuilder.data import hdf5
from netbuilder.errors import DataError
from netbuilder.layer import Layer, show
from netbuilder.torchcaffe.ops.base import Op, Tensors, register
from netbuilder.torchcaffe.rng import Rng


@register
class HDF5Output(Op):
    """Writes its bottoms as ``data`` and ``label``, of four axes (hdf5_output_layer.cpp).

    The file is made, and an old one emptied, when the net is made. A second forward pass is an
    error, as in Caffe; unlike there, the file is complete after the first.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        self._write(hdf5.create)

    def forward(self, bottoms: Tensors, params: Tensors) -> Tensors:
        data, label = map(self._four_axes, bottoms)
        if len(data) != len(label):
            self.layer.fail(f"{len(data)} rows of data but {len(label)} of labels")
        self._write(hdf5.write_outputs, (data, label))
        return []

    def _four_axes(self, bottom: torch.Tensor) -> np.ndarray:
        if bottom.dim() > 4:
            self.layer.fail(f"writes blobs of at most 4 axes, not {show(bottom.shape)}")
        ones = (1,) * (4 - bottom.dim())
        return bottom.detach().cpu().reshape(*bottom.shape, *ones).numpy()

    def _write(self, write: Callable[..., None], *arguments: object) -> None:
        try:
            write(self.layer.fields.file_name, *arguments)
        except DataError as error:
            raise DataError(f'layer "{self.layer.name}" (HDF5Output): {error}') from error
