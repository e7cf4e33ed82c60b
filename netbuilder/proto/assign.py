"""Python values into messages, by name: dicts become messages, lists repeated fields."""

from __future__ import annotations

from functools import cache
from typing import Any

from netbuilder.errors import FieldError, WrongValue, did_you_mean, one_of
from netbuilder.proto import caffe_pb2
from netbuilder.proto.scalars import is_repeated


def assign(message: Any, name: str, value: Any) -> None:
    """Sets field ``name`` of ``message``; a single value for a repeated field makes a list.

    Raises FieldError for an unknown field, WrongValue for a value that the field cannot hold.
    """
    field = message.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        known = message.DESCRIPTOR.fields_by_name
        raise FieldError(f'{message.DESCRIPTOR.name} has no field "{name}"'
                         f"{did_you_mean(name, known)}")
    several = isinstance(value, (list, tuple))
    values = list(value) if several else [value]
    if not is_repeated(field):
        if several:
            raise WrongValue(f"{name} takes one value, not {value!r}")
        _assign_one(message, field, value)
    elif field.message_type is not None:
        for item in values:
            _fill(getattr(message, name).add(), field, item)
    else:
        _checked(getattr(message, name).extend, field,
                 [_number(field, item) for item in values])


def _assign_one(message: Any, field: Any, value: Any) -> None:
    if field.message_type is not None:
        _fill(getattr(message, field.name), field, value)
    else:
        _checked(lambda v: setattr(message, field.name, v), field, _number(field, value))


def _fill(target: Any, field: Any, value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            assign(target, key, item)
    elif getattr(value, "DESCRIPTOR", None) is target.DESCRIPTOR:
        target.MergeFrom(value)
    elif getattr(getattr(value, "DESCRIPTOR", None), "full_name", "") == (
            target.DESCRIPTOR.full_name):  # a message of another descriptor pool
        target.MergeFromString(value.SerializeToString())
    else:
        raise WrongValue(f"{field.name} is a {target.DESCRIPTOR.name}; give it a dict, "
                         f"not {value!r}")


def _number(field: Any, value: Any) -> Any:
    """An enum value's number from its name; True where a number is wanted, and the reverse; the
    value of an array that holds one."""
    enum = field.enum_type
    value = value.item() if getattr(value, "size", 0) == 1 else value
    if enum is None or not isinstance(value, str):
        if isinstance(value, bool):
            return int(value)
        truth = field.type == field.TYPE_BOOL and isinstance(value, float)
        return bool(value) if truth else value
    if value not in enum.values_by_name:
        raise WrongValue(f'{field.name} has no value "{value}"{one_of(value, enum.values_by_name)}')
    return enum.values_by_name[value].number


def _checked(setter: Any, field: Any, value: Any) -> None:
    try:
        setter(value)
    except (TypeError, ValueError) as error:
        raise WrongValue(f"{field.name} cannot be {value!r}: {error}") from None


@cache
def param_fields() -> dict[str, str]:
    """Layer type -> its field in LayerParameter, by the message's name as pycaffe does it."""
    fields = caffe_pb2.LayerParameter.DESCRIPTOR.fields
    return {
        field.message_type.name[: -len("Parameter")]: field.name
        for field in fields
        if field.name.endswith("_param") and field.message_type is not None
    }


# Layer types that read another's field; pycaffe takes their keywords too, but cannot write them.
_BORROWED = {"Deconvolution": "convolution_param", "Im2col": "convolution_param",
             "LSTM": "recurrent_param", "RNN": "recurrent_param"}


def param_field(type_name: str) -> str | None:
    """The LayerParameter field that holds a layer type's own fields, if it has one."""
    return param_fields().get(type_name) or _BORROWED.get(type_name)


def enum_value(message_name: str, value: str) -> int:
    """The number of an enum value inside a message, such as PoolingParameter.MAX."""
    descriptor = caffe_pb2.DESCRIPTOR.message_types_by_name.get(message_name)
    if descriptor is None:
        known = caffe_pb2.DESCRIPTOR.message_types_by_name
        raise FieldError(f'Caffe has no "{message_name}"{did_you_mean(message_name, known)}')
    values = {v.name: v.number for enum in descriptor.enum_types for v in enum.values}
    if value not in values:
        raise FieldError(f'{message_name} has no value "{value}"{one_of(value, values)}')
    return values[value]
