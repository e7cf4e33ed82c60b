"""caffe.net_spec: pycaffe's names for what netbuilder.spec is.

As in pycaffe, whether a layer's bottoms fit is asked when a Net is made, not while it is written;
``netbuilder.spec`` itself asks at once. A type that this engine does not know can be written too.
"""

from __future__ import annotations

from typing import Any

from netbuilder import spec
from netbuilder.errors import EmptyList, NetbuilderError, WrongValue
from netbuilder.layer import Shape
from netbuilder.proto.assign import assign, param_fields
from netbuilder.spec import NetSpec, Parameters, Top, params, to_proto

__all__ = ["Function", "Layers", "NetSpec", "Parameters", "Top", "assign_proto", "layers",
           "param_name_dict", "params", "to_proto"]


class Function(spec.Function):
    """A layer in the making; where it does not fit its bottoms, its tops' shapes are None."""

    def __init__(self, type_name: str, inputs: tuple[Any, ...], params: dict[str, Any]) -> None:
        for key, value in params.items():
            _check_lists(f"L.{type_name}({key}=...)", value)
        super().__init__(type_name, inputs, params)

    def _written(self) -> Any:
        """As ``params`` are by now: scripts change them."""
        return spec.layer_message(self.type_name, self.params)

    def _resolve(self) -> tuple[Shape | None, ...]:
        try:
            return super()._resolve()
        except NetbuilderError:
            return (None,) * self.ntop


class Layers(spec.Layers):
    """``layers``: ``layers.Convolution(bottom, num_output=64, ...)`` makes the Top, or tops."""

    function = Function


layers = Layers()


def assign_proto(proto: Any, name: str, val: Any) -> None:
    """Sets a message's field: dicts become messages, lists repeated fields. Raises FieldError."""
    _check_lists(name, val)
    assign(proto, name, val)


def _check_lists(where: str, value: Any) -> None:
    """To pycaffe a tuple is no list, and a list has a first value."""
    if isinstance(value, tuple):
        raise WrongValue(f"{where}: {value!r} has type tuple; write a list")
    if isinstance(value, list) and not value:
        raise EmptyList(f"{where}: a list without values; leave the field out")
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        _check_lists(where, part)


def param_name_dict() -> dict[str, str]:
    """Layer type -> the start of its parameters' field: "InnerProduct" -> "inner_product"."""
    return {type_name: field.removesuffix("_param") for type_name, field in param_fields().items()}
