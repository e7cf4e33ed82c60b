"""Python: a layer of the user's, run on the net's own blobs (python_layer.hpp)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netbuilder.torchcaffe.ops.base import Op, Tensors, register
from netbuilder.torchcaffe.vectors import BlobVec


@register
class Python(Op):
    """What the layer's ``forward`` writes into its tops.

    Its backward is the user's, who reads and writes blobs: it is no code of torch, so where a
    backward pass reaches such a layer the net runs in the inspectable gait only.
    """

    needs_blobs = True
    reads = ()  # the layer reads and writes what it likes
    writes_empty = False
    always_params = True  # the layer is not told which of them are frozen

    def made(self) -> BlobVec:
        return self.layer.user.blobs

    def forward(self, bottoms: Tensors, params: Tensors) -> Sequence[torch.Tensor | None]:
        for blob, values in zip(self.layer.bottom, bottoms, strict=True):
            if blob.lost or values.data_ptr() != blob.tensor.data_ptr():
                blob.put(values)
        self.layer.run()
        return [None] * len(self.layer.top)
