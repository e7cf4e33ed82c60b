"""A net of any age in today's format (UpgradeNetAsNeeded, upgrade_proto.cpp)."""

from __future__ import annotations

from typing import Any

from netbuilder.errors import GraphError
from netbuilder.proto import caffe_pb2
from netbuilder.upgrade.result import Upgraded
from netbuilder.upgrade.v0 import from_v0, is_v0
from netbuilder.upgrade.v1 import from_v1, move_transformations


def upgrade_net(net: Any) -> Upgraded:
    """The NetParameter in today's format; the given one stays as it is.

    Formats are told by what is in the net: V0, V1, old data transformations, input fields, the
    three ``param`` of a BatchNorm. Raises GraphError or UnknownLayerError, which name the layer,
    where Caffe aborts; what Caffe only leaves out is in ``lost``.
    """
    result = Upgraded(net)
    if net.layers:
        _upgrade_layers(result)
    if net.input:
        result.done.append(_upgrade_inputs(result))
    learned = [layer for layer in result.message.layer if _learns_statistics(layer)]
    if learned:
        _own(result, net)
        _freeze_statistics(result.message)
        named = ", ".join(f'"{layer.name}"' for layer in learned[:3])
        more = f" and {len(learned) - 3} more" if len(learned) > 3 else ""
        result.done.append(f"the statistics of BatchNorm {named}{more} are not learned: "
                           "lr_mult and decay_mult are 0")
    return result


def _own(result: Upgraded, net: Any) -> None:
    """Makes the message one that may be changed."""
    if result.message is net:
        result.message = type(net)()
        result.message.CopyFrom(net)


def _upgrade_layers(result: Upgraded) -> None:
    net, count = result.message, len(result.message.layers)
    if is_v0(net):
        result.message = from_v0(net, result.lost)
        merged = count - len(result.message.layer)
        padding = f"; {merged} padding layers became the pad of what follows them" if merged else ""
        result.done.append(f"{count} layers of V0, layers {{ layer {{ }} }}, are now layer {{ }}"
                           f"{padding}")
        return
    result.message = from_v1(net)
    result.done.append(f"{count} layers of V1, layers {{ }}, are now layer {{ }}")
    if move_transformations(result.message):
        result.done.append("scale, mean_file, crop_size and mirror of data layers are now in "
                           "transform_param")


def _upgrade_inputs(result: Upgraded) -> str:
    """Makes the inputs an Input layer at the start; says what was done."""
    net = result.message
    names = ", ".join(f'"{name}"' for name in net.input)
    shapes = _input_shapes(net)
    new = caffe_pb2.NetParameter()
    if shapes:
        layer = new.layer.add(name="input", type="Input", top=net.input)
        layer.input_param.shape.extend(shapes)
    new.MergeFrom(net)
    for name in ("input", "input_shape", "input_dim"):
        new.ClearField(name)
    result.message = new
    return (f"input {names} is now an Input layer" if shapes
            else f"input {names} is left out: no shape is given, as in an old .caffemodel")


def _input_shapes(net: Any) -> list[Any]:
    """One BlobShape per ``input``, from ``input_shape`` or, four by four, ``input_dim``.

    None at all if both are empty. More than is needed is ignored, as Caffe does.
    """
    count = len(net.input)
    if net.input_shape:
        if len(net.input_shape) < count:
            raise GraphError(f"{count} input(s) need as many input_shape, not "
                             f"{len(net.input_shape)}")
        return list(net.input_shape[:count])
    dims = list(net.input_dim)
    if dims and len(dims) < 4 * count:
        raise GraphError(f"{count} input(s) need {4 * count} input_dim values, not {len(dims)}")
    return [caffe_pb2.BlobShape(dim=dims[i: i + 4]) for i in range(0, 4 * count, 4)] if dims else []


def _learns_statistics(layer: Any) -> bool:
    return (layer.type == "BatchNorm" and len(layer.param) == 3
            and any(spec.lr_mult or spec.decay_mult for spec in layer.param))


def _freeze_statistics(net: Any) -> None:
    for layer in filter(_learns_statistics, net.layer):
        for spec in layer.param:
            spec.lr_mult = spec.decay_mult = 0
