"""Setting fields by name, for the formats whose fields moved."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from netbuilder.proto.scalars import is_repeated


def put(message: Any, name: str, value: Any) -> None:
    """Sets a field, whatever kind it is; one value for a repeated field is added to it."""
    field = message.DESCRIPTOR.fields_by_name[name]
    if is_repeated(field):
        one = isinstance(value, (int, float, str, bytes))
        getattr(message, name).extend([value] if one else value)
    elif field.message_type:
        getattr(message, name).CopyFrom(value)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_UINT32:
        setattr(message, name, value % 2**32)  # some were signed once
    else:
        setattr(message, name, value)


def param(layer: Any, index: int) -> Any:
    """The ParamSpec of a layer's blob, made if it is not there."""
    while len(layer.param) <= index:
        layer.param.add()
    return layer.param[index]


def add_rates(layer: Any, old: Any) -> None:
    """``blobs_lr`` and ``weight_decay`` as the multipliers of ``param``."""
    for index, rate in enumerate(old.blobs_lr):
        param(layer, index).lr_mult = rate
    for index, decay in enumerate(old.weight_decay):
        param(layer, index).decay_mult = decay
