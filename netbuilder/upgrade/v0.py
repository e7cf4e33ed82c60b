"""V0, the format of 2013: ``layers { layer { name type ... } bottom top }`` -> ``layer { }``.

Padding is a layer of its own in V0. Source: UpgradeV0Net, UpgradeV0PaddingLayers and
UpgradeV0LayerParameter (upgrade_proto.cpp), and then what V1 becomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netbuilder.errors import GraphError, UnknownLayerError, one_of
from netbuilder.proto import caffe_pb2
from netbuilder.upgrade import names
from netbuilder.upgrade.fields import add_rates, put

_CONVERTED = {"name", "type", "blobs", "blobs_lr", "weight_decay"}  # not by a table


def is_v0(net: Any) -> bool:
    """True if any of the layers is one of V0."""
    return any(old.HasField("layer") for old in net.layers)


def from_v0(net: Any, lost: list[str]) -> Any:
    """A V0 net in today's format; what has no place there is put on the list ``lost``.

    Raises UnknownLayerError for a type that V0 does not have, GraphError for padding that no
    convolution or pooling takes.
    """
    new = caffe_pb2.NetParameter()
    for field, value in net.ListFields():
        if field.name in names.V0_NET_FIELDS:
            put(new, field.name, value)
        elif field.name != "layers":
            lost.append(f"the net's {field.name}: V0 files have no such field")
    for old, padding in _with_padding(net):
        _convert(old, padding, new.layer.add(), lost)
    return new


def _with_padding(net: Any) -> Iterator[tuple[Any, Any]]:
    """Each layer but the padding ones, with the padding layer that it takes its bottom from."""
    makers: dict[str, Any] = dict.fromkeys(net.input)
    for old in net.layers:
        padding = None
        for bottom in old.bottom:
            if bottom not in makers:
                raise GraphError(f'layer "{old.layer.name}" ({old.layer.type}): no layer above '
                                 f'it makes its bottom "{bottom}"')
            if makers[bottom] is not None and makers[bottom].layer.type == "padding":
                padding = makers[bottom]
                _check_padding(padding, old)
        if old.layer.type != "padding":
            yield old, padding
        makers.update(dict.fromkeys(old.top, old))


def _check_padding(padding: Any, taker: Any) -> None:
    where = f'padding layer "{padding.layer.name}"'
    if taker.layer.type not in ("conv", "pool"):
        raise GraphError(f'{where}: only conv and pool can take padding, not layer '
                         f'"{taker.layer.name}" ({taker.layer.type})')
    if len(taker.bottom) != 1:
        raise GraphError(f'{where}: layer "{taker.layer.name}" takes {len(taker.bottom)} '
                         "bottoms; with padding it must be one")
    if (len(padding.bottom), len(padding.top)) != (1, 1):
        raise GraphError(f"{where}: has {len(padding.bottom)} bottoms and {len(padding.top)} "
                         "tops; it must be one of each")


def _convert(old: Any, padding: Any, new: Any, lost: list[str]) -> None:
    layer = old.layer
    where = f'layer "{layer.name}"'
    lost.extend(f"{where}: {field.name}, which is not inside its layer {{ }}"
                for field, _ in old.ListFields() if field.name not in ("layer", "bottom", "top"))
    put(new, "bottom", padding.bottom if padding else old.bottom)
    put(new, "top", old.top)
    if layer.HasField("name"):
        new.name = layer.name
    if layer.HasField("type"):
        new.type = _type(layer)
    put(new, "blobs", layer.blobs)
    add_rates(new, layer)
    values = {field.name: value for field, value in layer.ListFields()
              if field.name not in _CONVERTED}
    if padding:
        values["pad"] = padding.layer.pad  # in the place of its own
    for name, value in values.items():
        if not _move(new, layer.type, name, value):
            lost.append(f'{where}: {name}, which type "{layer.type}" does not have')


def _type(layer: Any) -> str:
    if layer.type not in names.V0_TYPES:
        raise UnknownLayerError(f'layer "{layer.name}": V0 files have no type "{layer.type}"'
                                f"{one_of(layer.type, names.V0_TYPES)}")
    return names.V0_TYPES[layer.type]


def _move(new: Any, kind: str, name: str, value: Any) -> bool:
    """Puts a V0 field where it is today; False if the type has no such field."""
    if name in names.V0_TRANSFORM:
        put(new.transform_param, names.V0_TRANSFORM[name], value)
        return True
    if name == "hdf5_output_param" and kind == "hdf5_output":
        put(new, name, value)
        return True
    today, messages = names.V0_FIELDS.get(name, ("", {}))
    if kind not in messages:
        return False
    put(getattr(new, messages[kind]), today, value)
    return True
