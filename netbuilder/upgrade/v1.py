"""V1, the format of 2014: ``layers { type: CONVOLUTION blobs_lr: 1 ... }`` -> ``layer { }``.

Source: UpgradeV1Net, UpgradeV1LayerParameter and UpgradeNetDataTransformation
(upgrade_proto.cpp).
"""

from __future__ import annotations

from typing import Any

from netbuilder.errors import GraphError
from netbuilder.proto import caffe_pb2
from netbuilder.upgrade import names
from netbuilder.upgrade.fields import add_rates, param, put

_OWN = {"layer", "type", "param", "blob_share_mode", "blobs_lr", "weight_decay"}
_TYPES = {number: names.V1_TYPES[name]
          for name, number in caffe_pb2.V1LayerParameter.LayerType.items()}


def from_v1(net: Any) -> Any:
    """A V1 net in today's format. Raises GraphError if it has layers of both formats."""
    if net.layer:
        raise GraphError(f'the net has layers of both formats: layers {{ }} "{net.layers[0].name}" '
                         f'and layer {{ }} "{net.layer[0].name}"; write them all as layer {{ }}')
    new = caffe_pb2.NetParameter()
    for field, value in net.ListFields():
        if field.name != "layers":
            put(new, field.name, value)
    for old in net.layers:
        _convert(old, new.layer.add())
    return new


def _convert(old: Any, new: Any) -> None:
    for field, value in old.ListFields():
        if field.name not in _OWN:  # the others are called the same today
            put(new, field.name, value)
    if old.HasField("type"):
        new.type = _TYPES[old.type]
    for index, name in enumerate(old.param):
        param(new, index).name = name
    for index, mode in enumerate(old.blob_share_mode):
        param(new, index).share_mode = mode  # the numbers are the same
    add_rates(new, old)


def move_transformations(net: Any) -> bool:
    """Moves the scale, mean_file ... of a net that was V1 into transform_param.

    Changes the net in place; False if there was nothing to move. Layers of today's format never
    had these fields there, and Caffe leaves them alone.
    """
    layers = [(layer, getattr(layer, names.V1_DATA[layer.type]))
              for layer in net.layer if layer.type in names.V1_DATA]
    if not any(data.HasField(name) for _, data in layers for name in names.TRANSFORM):
        return False
    for layer, data in layers:
        data.SetInParent()  # Caffe's mutable_ calls leave both messages, empty or not
        layer.transform_param.SetInParent()
        for name in names.TRANSFORM:
            if data.HasField(name):
                setattr(layer.transform_param, name, getattr(data, name))
                data.ClearField(name)
    return True
