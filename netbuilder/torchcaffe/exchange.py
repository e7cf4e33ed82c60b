"""A net's parameters from and to weight files (Net::CopyTrainedLayersFrom, ToProto, ToHDF5)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netbuilder import weights
from netbuilder.errors import ShapeError
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe.glog import log
from netbuilder.torchcaffe.node import Node

if TYPE_CHECKING:
    from netbuilder.torchcaffe.net import Net


def copy_from(net: Net, path: str | os.PathLike[str]) -> None:
    """Takes parameters from a weight file of either format, by layer name.

    Layers that are not in it keep theirs; gradients in a .caffemodel come along (Blob::FromProto).
    All are checked before any is changed. Raises ShapeError where a layer's parameters differ,
    ParseError or DataError for a broken file. As in Caffe an empty file is a net without layers;
    that is worth a warning.
    """
    hdf5, first = weights.is_hdf5(path), {}
    if os.path.isfile(path) and not os.path.getsize(path):
        log.warning("%s is empty: all layers keep their parameters", os.fspath(path))
        return
    for node in net.nodes:
        first.setdefault(node.name, node)
    fitting = []
    for name, read in weights.read_blobs(path).items():
        if name not in first:
            log.info("Ignoring source layer %s", name)
            continue
        node, arrays = first[name], [data for data, _ in read]
        own = _owned(net, node, arrays) if hdf5 else arrays
        shapes = [blob.shape for blob in node.blobs]
        fitting.append((node, weights.fitting(name, own, shapes), [diff for _, diff in read]))
    for node, arrays, diffs in fitting:
        for blob, array in zip(node.blobs, arrays, strict=True):
            if array is not None:
                blob.put(torch.from_numpy(array))
        for blob, diff in zip(node.blobs, diffs, strict=False):
            if diff is not None:
                blob.put_grad(torch.from_numpy(diff).view(blob.shape))


def share(net: Net, other: Net) -> None:
    """Gives the layers of a net the values of another's layers of the same names.

    All are checked before any is changed. Raises ShapeError where a layer's parameters differ.
    """
    named, pairs = {node.name: node for node in net.nodes}, []
    for theirs in other.nodes:
        if theirs.name in named:
            pairs.append((named[theirs.name], theirs))
        else:
            log.info("Ignoring source layer %s", theirs.name)
    for mine, theirs in pairs:
        _check_same(mine, theirs)
    for mine, theirs in pairs:
        for blob, source in zip(mine.blobs, theirs.blobs, strict=True):
            blob.share_data(source)


def _check_same(mine: Node, theirs: Node) -> None:
    layer = f'layer "{mine.name}" ({mine.type})'
    if len(mine.blobs) != len(theirs.blobs):
        raise ShapeError(f"Incompatible number of blobs for {layer}: "
                         f"{len(theirs.blobs)} in the other net, {len(mine.blobs)} in this one")
    for index, (blob, source) in enumerate(zip(mine.blobs, theirs.blobs, strict=True)):
        if blob.shape != source.shape:
            raise ShapeError(
                f"Cannot share param {index} weights from {layer}; shape mismatch.  Source param "
                f"shape is {weights.shape_string(source.shape)}; target param shape is "
                f"{weights.shape_string(blob.shape)}")


def save(net: Net, path: str | os.PathLike[str], *, diffs: bool = False, hdf5: bool = False
         ) -> None:
    """Writes all layers with their parameters, and their diffs too, as a weight file."""
    kept = _owners(net)
    weights.write_weights(
        path, net.name,
        [(_stated(node, net.phase), [blob.data if not hdf5 or (node.name, index) in kept else None
                                     for index, blob in enumerate(node.blobs)])
         for node in net.nodes],
        [[blob.diff for blob in node.blobs] for node in net.nodes] if diffs else None, hdf5=hdf5)


def _stated(node: Node, phase: int) -> Any:
    """The layer's message with its phase, which Caffe writes too: it tells what the file is for."""
    message = caffe_pb2.LayerParameter()
    message.CopyFrom(node.layer.message)
    if not message.HasField("phase"):
        message.phase = phase
    return message


def _owned(net: Net, node: Node, arrays: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
    """The arrays of an HDF5 file, None for each that it has at another layer of the net."""
    arrays = [*arrays, *[None] * (len(node.blobs) - len(arrays))]
    lost = [index for index, array in enumerate(arrays)
            if array is None and (node.name, index) in _owners(net)]
    if lost:
        raise ShapeError(f"Incompatible number of blobs for layer {node.name}: the file lacks "
                         f"parameter {lost[0]}, which no other layer of this net shares")
    return arrays


def _owners(net: Net) -> set[tuple[str, int]]:
    return {(param.layer, param.index) for param in net.learnable}
