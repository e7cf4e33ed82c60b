"""Where images come from, and how they are prepared: data layers, mean and deviation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from netbuilder.build.order import Order
from netbuilder.errors import BuildError, ShapeError, one_of
from netbuilder.layer import Shape, show
from netbuilder.lego.data import SOURCES, Source
from netbuilder.nets.registry import Dataset
from netbuilder.spec import L, NetSpec

NORMALIZED = "data_normalized"


class Images(NamedTuple):
    """The legos of the training and of the test data, and the layers that normalise both."""

    train: Source
    test: Source
    normalize: Sequence[Any]

    @property
    def top(self) -> str:
        """The blob that the network starts from."""
        return NORMALIZED if self.normalize else "data"


def images(order: Order, shape: Shape) -> Images:
    """The data of an order, for a network's input shape. Raises BuildError for what has no use."""
    if order.data not in SOURCES:
        raise BuildError(f'unknown kind of data "{order.data}"{one_of(order.data, SOURCES)}')
    lego, dataset, given = SOURCES[order.data], order.dataset, dict(order.data_options)
    known = {field.name for field in fields(lego)}
    size = {"channels": shape[1], "crop_size": shape[2]}
    train = {**size, "train": True, "batch_size": given.pop("batch_size", dataset.batch_size)}
    test = {**size, "train": False,
            "batch_size": given.pop("test_batch_size", dataset.test_batch_size)}
    if "source" in known:
        train["source"], test["source"] = _paths(order.data, given, dataset)
    if "mirror" in known:
        train["mirror"] = given.pop("mirror", True)
    if "resize" in known:
        given.setdefault("resize", dataset.stored_size)
    normalize = _prepared(given, dataset, shape[1], "mean_value" in known)
    for name in given:
        if name not in known:
            raise BuildError(f"{order.data} data takes no {name}")
    return Images(lego(**train, **given), lego(**test, **given), normalize)


def _paths(kind: str, given: dict[str, Any], dataset: Dataset) -> tuple[str, str]:
    default = (dataset.train_source, dataset.test_source) if kind == "lmdb" else (None, None)
    train = given.pop("train_source", default[0])
    test = given.pop("test_source", default[1])
    if train is None or test is None:
        raise BuildError(f"{kind} data needs train_source and test_source")
    return train, test


def _prepared(given: dict[str, Any], dataset: Dataset, channels: int, transformed: bool
              ) -> Sequence[Any]:
    """The layers that normalise; what the data layer itself subtracts and multiplies by goes into
    ``given``, where it is ``transformed``."""
    deviation = given.pop("std_value", () if "scale" in given else dataset.std_value)
    mean = given.pop("mean_value", () if "mean_file" in given else dataset.mean_value)
    if deviation:
        if "scale" in given:
            raise BuildError("give a scale or a standard deviation, not both")
        return _normalize(_each(mean or (0,), channels, "mean value"),
                          _each(deviation, channels, "standard deviation"))
    if transformed:
        given["mean_value"] = mean
        given.setdefault("scale", dataset.scale)
    return ()


def _each(values: Sequence[float], channels: int, what: str) -> Sequence[float]:
    """One value for each channel."""
    if len(values) not in (1, channels):
        raise BuildError(f"give one {what}, or one for each of the {channels} channels, "
                         f"not {len(values)}")
    return list(values) * channels if len(values) == 1 else values


def _normalize(mean: Sequence[float], deviation: Sequence[float]) -> Sequence[Any]:
    """(value - mean) / deviation of each channel, from layers that every Caffe has: the data
    layer itself knows one scale for all channels only."""
    if not all(value > 0 for value in deviation):
        raise BuildError(f"a standard deviation is more than 0, not "
                         f"{' '.join(f'{value:g}' for value in deviation)}")
    net, channels = NetSpec(), len(mean)
    net.data = L.Input(shape={"dim": [1, channels, 1, 1]})
    parts = L.Slice(net.data, name="data_channels", ntop=channels, axis=1,
                    slice_point=list(range(1, channels))) if channels > 1 else [net.data]
    for index, part in enumerate(parts):
        net[f"data_channel{index}"] = part
        net[f"data_normalized{index}"] = L.Power(
            part, scale=1 / deviation[index], shift=-mean[index] / deviation[index])
    net[NORMALIZED] = L.Concat(*(net[f"data_normalized{i}"] for i in range(channels)))
    return list(net.to_proto().layer)[1:]


def data_layer(source: Source, shape: Shape) -> Any:
    """The source's message; ShapeError if it is known to give other images than the net takes."""
    spec = NetSpec()
    tops = source.attach(spec, ())
    if tops[0].shape is not None and tops[0].shape[1:] != shape[1:]:
        raise ShapeError(f"the data gives images of {show(tops[0].shape[1:])}, but the network "
                         f"takes {show(shape[1:])}")
    return spec.to_proto().layer[0]
