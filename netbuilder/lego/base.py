"""Legos: values that attach layers to a NetSpec, and are made of other legos.

A lego is a frozen dataclass, made by ``@lego``. Its arguments are keywords only. ``attach`` is all
or nothing: if it raises, the NetSpec is as it was before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from functools import cache, wraps
from typing import Any, TypeVar

from netbuilder.errors import BuildError, GraphError, ShapeUnknown, one_of
from netbuilder.layer import Shape, layer_class
from netbuilder.proto.assign import param_field
from netbuilder.spec import L, NetSpec, Top

Bottom = Top | Sequence[Top]


class BaseLego(ABC):
    """Something that adds layers to a NetSpec: a value, made of the fields of its class.

    Raises BuildError for an argument that is no field, and for a field that is missing.
    """

    # Written once here: methods that dataclass compiles for each class would double the time
    # that it takes to build a network.
    def __init__(self, **values: Any) -> None:
        known = _defaults(type(self))
        for name in values:
            if name not in known:
                raise BuildError(f'{type(self).__name__} has no argument "{name}"'
                                 f"{one_of(name, known)}")
        vars(self).update(known, **values)
        missing = [name for name, value in vars(self).items() if value is MISSING]
        if missing:
            raise BuildError(f"{type(self).__name__} needs {', '.join(missing)}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"a lego does not change: cannot assign {name}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"a lego does not change: cannot delete {name}")

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({values})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    @abstractmethod
    def attach(self, netspec: NetSpec, bottom: Bottom) -> Any:
        """Adds the layers on top of ``bottom`` (a Top, or several) and returns the last Top.

        Raises a NetbuilderError for what does not fit; the NetSpec is then as it was.
        """


@cache
def _defaults(cls: type) -> dict[str, Any]:
    """Each field of a lego with its default, or MISSING."""
    return {field.name: field.default for field in fields(cls)}


Kind = TypeVar("Kind", bound=type[BaseLego])

_LEGOS: dict[str, type[BaseLego]] = {}


def legos() -> dict[str, type[BaseLego]]:
    """Every lego by its name."""
    import netbuilder.lego  # noqa: F401  (registers them)

    return _LEGOS


def lego(cls: Kind) -> Kind:
    """Class decorator: makes a class with annotated fields a lego, and its ``attach`` atomic.

    Two legos of one name are refused.
    """
    if cls.__name__ in _LEGOS:
        raise ValueError(f"lego {cls.__name__} is registered twice")
    made = dataclass(init=False, repr=False, eq=False)(cls)
    if "attach" in vars(made):
        made.attach = _all_or_nothing(made.attach)
    _LEGOS[made.__name__] = made
    return made


def _all_or_nothing(attach: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(attach)
    def attached(self: BaseLego, netspec: NetSpec, bottom: Bottom = ()) -> Any:
        with netspec.transaction():
            return attach(self, netspec, bottom)

    return attached


# What layers of a type have unless the caller says otherwise. BatchNorm says lr_mult 0 although
# today's Caffe sees to that itself: forks train the statistics where the file is silent.
WEIGHT, BIAS = {"lr_mult": 1, "decay_mult": 1}, {"lr_mult": 2, "decay_mult": 0}


def _weights(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "param": [WEIGHT, BIAS] if given.get("bias_term", True) else [WEIGHT],
        "weight_filler": {"type": "msra"},
    }


def _in_place(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"in_place": True}


DEFAULTS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "Convolution": _weights,
    "Deconvolution": _weights,
    "InnerProduct": _weights,
    "BatchNorm": lambda given: {"in_place": True, "param": [{"lr_mult": 0}] * 3},
    "Scale": lambda given: {"in_place": True, "bias_term": True},
    "ReLU": _in_place,
    "Dropout": _in_place,
}


@lego
class LayerLego(BaseLego):
    """One layer of any type Caffe has: ``LayerLego("Pooling", name="pool1", kernel_size=3)``.

    Keywords are those of ``L``, and beat DEFAULTS. ``tops`` names the tops where they are not
    one of the layer's own name: ``LayerLego("Data", name="data", tops=("data", "label"), ...)``.
    """

    type: str
    name: str
    tops: tuple[str, ...]
    params: Mapping[str, Any]

    def __init__(
        self, type: str, /, *, name: str, tops: Sequence[str] | None = None, **params: Any
    ) -> None:
        layer_class(type)
        if "ntop" in params:
            raise BuildError(f'LayerLego("{type}") has no argument "ntop"; name the tops: tops=')
        params = _flat(type, params)
        defaults = DEFAULTS[type](params) if type in DEFAULTS else {}
        vars(self).update(type=type, name=name, tops=(name,) if tops is None else tuple(tops),
                          params={**defaults, **params})

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Any:
        for top in self.tops or (self.name,):
            if top in netspec:
                raise GraphError(f'layer "{self.name}" ({self.type}): this net has a "{top}" '
                                 f"already; names must differ")
        made = getattr(L, self.type)(*several(bottom), name=self.name, ntop=len(self.tops),
                                     **self.params)
        for name, top in zip(self.tops or (self.name,), several(made), strict=True):
            netspec[name] = top
        return made


def _flat(type_name: str, params: dict[str, Any]) -> dict[str, Any]:
    """``convolution_param={...}`` and its fields written directly are the same."""
    own = params.get(param_field(type_name) or "")
    if not isinstance(own, Mapping):
        return params
    return {**own, **{key: value for key, value in params.items() if value is not own}}


def several(bottom: Any) -> Sequence[Any]:
    """A bottom as a sequence, also where there is only one."""
    return bottom if isinstance(bottom, (list, tuple)) else (bottom,)


def single(bottom: Bottom) -> Top:
    """The one Top that a lego works on; GraphError if there are more or none."""
    tops = several(bottom)
    if len(tops) != 1:
        raise GraphError(f"this lego takes one bottom, not {len(tops)}")
    return tops[0]


def shape_of(top: Top) -> Shape:
    """A Top's shape, for a lego that depends on it; ShapeUnknown where nothing tells it."""
    if top.shape is None:
        raise ShapeUnknown(f'the shape of "{top.fn.message.name or top.fn.type_name}" is not '
                           f"known, and the next layers depend on it: start from an Input layer")
    return top.shape


@lego
class Chain(BaseLego):
    """Legos one on top of the other."""

    links: Sequence[BaseLego]

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Bottom:
        for link in self.links:
            bottom = link.attach(netspec, bottom)
        return bottom


@lego
class Parallel(BaseLego):
    """Branches over one bottom, concatenated along the channels by a layer ``<name>_concat``.

    ``suffix`` stands in place of ``_concat``.
    """

    name: str
    branches: Sequence[BaseLego]
    suffix: str = "_concat"

    def attach(self, netspec: NetSpec, bottom: Bottom) -> Top:
        tops = [branch.attach(netspec, bottom) for branch in self.branches]
        return LayerLego("Concat", name=self.name + self.suffix).attach(netspec, tops)
