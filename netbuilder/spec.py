"""NetSpec, L and P: pycaffe's way of writing nets, with shapes known while you write.

    n = NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 3, 224, 224]))
    n.conv1 = L.Convolution(n.data, num_output=64, kernel_size=7, stride=2, pad=3)
    n.conv1.shape                      # (1, 64, 112, 112)
    n.to_proto()                       # a NetParameter

A script written for pycaffe's ``net_spec`` runs when its imports change. Beyond pycaffe, the call
that is wrong raises: FieldError for a keyword or enum value that Caffe does not know, ShapeError
for bottoms that do not fit, UnknownLayerError for a type. A Top that was made is sound, and a
NetSpec only ever holds such tops. Where nothing tells a shape (a database that is not here), it
is None, and so are the shapes that follow from it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from netbuilder.errors import FieldError, ShapeUnknown, UnknownTop, WrongValue, did_you_mean
from netbuilder.layer import Layer, Shape, layer_class, show
from netbuilder.proto import caffe_pb2
from netbuilder.proto.assign import assign, enum_value, param_field


class Top:
    """One output blob of a layer; ``shape`` is a tuple, or None where nothing tells it."""

    def __init__(self, fn: Function, n: int) -> None:
        self.fn = fn
        self.n = n

    @property
    def shape(self) -> Shape | None:
        """The blob's shape."""
        return self.fn.shapes[self.n]

    def to_proto(self) -> Any:
        """A NetParameter with all layers that this top needs."""
        return to_proto(self)


class Function:
    """A layer in the making: its message without names, the tops it reads, the tops it makes."""

    def __init__(self, type_name: str, inputs: tuple[Any, ...], params: dict[str, Any]) -> None:
        self.type_name = type_name
        for index, top in enumerate(inputs):
            if not isinstance(top, Top):
                raise TypeError(f"{type_name} input {index} is not a Top (type is {type(top)})")
        self.inputs: tuple[Top, ...] = inputs
        params = dict(params)
        self.ntop: int = params.pop("ntop", 1)
        self.in_place: bool = params.pop("in_place", False)
        self.params = dict(params)  # what was asked for, to look at
        self.message = layer_message(type_name, params)
        self.shapes = self._resolve()
        self.tops = tuple(Top(self, n) for n in range(self.ntop))

    def _resolve(self) -> tuple[Shape | None, ...]:
        """The tops' shapes, by the layer type's own rule; the message is checked on the way."""
        kind = layer_class(self.type_name)
        message = caffe_pb2.LayerParameter()
        message.CopyFrom(self.message)
        message.name = self.message.name or f"new {self.type_name}"
        message.bottom.extend(_provisional(top) for top in self.inputs)
        message.top.extend(message.bottom if self.in_place
                           else (f"top {n}" for n in range(self.ntop)))
        bottoms = [top.shape for top in self.inputs]
        if None in bottoms:
            return (None,) * self.ntop
        try:
            layer: Layer = kind(message, bottoms)
        except ShapeUnknown:
            return (None,) * self.ntop
        self._check_in_place(layer)
        if any(0 in shape for shape in layer.top_shapes):  # loads in Caffe, but is a mistake
            layer.fail(f"nothing is left of its input {' and '.join(map(show, bottoms))}: the top "
                       f"would be {' and '.join(map(show, layer.top_shapes))}")
        _ = layer.blobs  # parameters can be wrong too
        return layer.top_shapes[: self.ntop]

    def _check_in_place(self, layer: Layer) -> None:
        if self.in_place and not layer.in_place_allowed:
            layer.fail("cannot work in place")
        if self.in_place and layer.top_shapes[: self.ntop] != layer.bottom_shapes[: self.ntop]:
            layer.fail("cannot work in place: its top is not shaped like its bottom")

    def into(self, layers: dict[Function, Any], names: _Names) -> None:
        """Appends this layer's finished message, after those it needs (a chain may be long)."""
        waiting = [self]
        while waiting:
            fn = waiting[-1]
            needed = [top.fn for top in fn.inputs if top.fn not in layers]
            waiting.extend(reversed(needed))
            if not needed:
                waiting.pop()
                if fn not in layers:
                    layers[fn] = fn._finished(layers, names)

    def _finished(self, layers: dict[Function, Any], names: _Names) -> Any:
        message = caffe_pb2.LayerParameter(type=self.type_name)
        message.bottom.extend(layers[top.fn].top[top.n] for top in self.inputs)
        message.top.extend(message.bottom if self.in_place else map(names.top, self.tops))
        message.name = names.function(self)
        message.MergeFrom(self._written())
        return message

    def _written(self) -> Any:
        """The message without names that is written, as it was when the layer was made."""
        return self.message


def layer_message(type_name: str, params: dict[str, Any]) -> Any:
    """The layer's message: each keyword goes to the type's own field or to the layer itself."""
    message = caffe_pb2.LayerParameter(type=type_name)
    own = param_field(type_name)
    for key, value in params.items():
        try:
            if key.endswith("param") or own is None or not _has(getattr(message, own), key):
                _has_or_raise(message, key, type_name, own)
                assign(message, key, value)
            else:
                assign(getattr(message, own), key, value)
        except FieldError as error:
            raise type(error)(f"L.{type_name}({key}=...): {error}") from None
    return message


def _has(message: Any, key: str) -> bool:
    return key in message.DESCRIPTOR.fields_by_name


def _has_or_raise(message: Any, key: str, type_name: str, own: str | None) -> None:
    if _has(message, key):
        return
    known = list(message.DESCRIPTOR.fields_by_name)
    if own:
        known += getattr(message, own).DESCRIPTOR.fields_by_name
    raise FieldError(f"{type_name} has no such field{did_you_mean(key, known)}")


def _provisional(top: Top) -> str:
    return top.fn.message.name or top.fn.type_name


class _Names:
    """Names of tops: those that a NetSpec gave, else Type1, Type2 ... as pycaffe counts."""

    def __init__(self, given: dict[Top, str]) -> None:
        self.given = dict(given)
        self.counts: Counter[str] = Counter()

    def top(self, top: Top) -> str:
        if top not in self.given:
            self.given[top] = self._next(top.fn.type_name)
        return self.given[top]

    def function(self, fn: Function) -> str:
        """The layer's name where no ``name=`` is given; where one is, pycaffe counts too."""
        return self.top(fn.tops[0]) if fn.tops else self.given.get(fn) or self._next(fn.type_name)

    def _next(self, type_name: str) -> str:
        self.counts[type_name] += 1
        return f"{type_name}{self.counts[type_name]}"


def _net(functions: Iterator[Function], names: _Names) -> Any:
    layers: dict[Function, Any] = {}
    for fn in functions:
        fn.into(layers, names)
    return caffe_pb2.NetParameter(layer=layers.values())


def to_proto(*tops: Top) -> Any:
    """A NetParameter with all layers needed to compute the given tops."""
    return _net((getattr(top, "fn", top) for top in tops), _Names({}))


class NetSpec:
    """Tops by name; ``to_proto()`` gives the NetParameter that computes them all.

    ``comment`` attaches a line of explanation to the next layer that is named here.
    """

    tops: OrderedDict[str, Top]
    comments: dict[str, str]

    def __init__(self) -> None:
        super().__setattr__("tops", OrderedDict())
        super().__setattr__("comments", {})
        super().__setattr__("_pending", [])
        super().__setattr__("_changes", [])

    def __setattr__(self, name: str, value: Top) -> None:
        if not isinstance(value, (Top, Function)):
            raise WrongValue(f"{name}: a NetSpec holds Tops, not {type(value)}")
        if self._pending:
            layer = getattr(value, "fn", value).message.name or name
            self.comments[layer] = "\n".join(self._pending)
            self._pending.clear()
        self._changes.append((name, self.tops.get(name)))
        self.tops[name] = value

    def __getattr__(self, name: str) -> Top:
        if name.startswith("_") or name == "tops":  # of an object being copied
            raise AttributeError(name)
        try:
            return self.tops[name]
        except KeyError:
            raise UnknownTop(f'this NetSpec has no top "{name}"{did_you_mean(name, self.tops)}'
                             ) from None

    __setitem__ = __setattr__

    def __getitem__(self, name: str) -> Top:
        return self.__getattr__(name)

    def __contains__(self, name: str) -> bool:
        return name in self.tops

    def comment(self, text: str) -> None:
        """Explains the next layer that gets a name: a comment above it in the prototxt."""
        self._pending.append(text)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: an error inside leaves the spec as it was before."""
        mark, comments, pending = len(self._changes), len(self.comments), list(self._pending)
        try:
            yield
        except BaseException:
            for name, former in reversed(self._changes[mark:]):
                if former is None:
                    del self.tops[name]
                else:
                    self.tops[name] = former
            del self._changes[mark:]
            while len(self.comments) > comments:
                self.comments.popitem()
            self._pending[:] = pending
            raise

    def to_proto(self) -> Any:
        """The NetParameter, layers in the order of need."""
        given = {top: name for name, top in self.tops.items()}
        return _net((getattr(top, "fn", top) for top in self.tops.values()), _Names(given))


class Layers:
    """``L``: ``L.Convolution(bottom, num_output=64, ...)`` makes the layer's Top, or tops."""

    function = Function  # what makes the layers

    def __getattr__(self, type_name: str) -> Callable[..., Any]:
        if type_name.startswith("__"):
            raise AttributeError(type_name)

        def make(*bottoms: Top, **params: Any) -> Any:
            fn = self.function(type_name, bottoms, params)
            return fn if fn.ntop == 0 else fn.tops[0] if fn.ntop == 1 else fn.tops

        return make


class Parameters:
    """``P``: ``P.Pooling.MAX`` is the number of an enum value."""

    def __getattr__(self, name: str) -> _Enums:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Enums(f"{name}Parameter")


class _Enums:
    def __init__(self, message_name: str) -> None:
        self._message_name = message_name

    def __getattr__(self, value: str) -> int:
        if value.startswith("__"):
            raise AttributeError(value)
        return enum_value(self._message_name, value)


L = layers = Layers()
P = params = Parameters()
