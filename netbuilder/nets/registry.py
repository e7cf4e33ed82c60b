"""Networks by name: functions whose keyword-only signature holds the only defaults.

    @network("resnet", dataset=IMAGENET, recipe="resnet", source="https://...")
    def resnet(*, num_classes: Annotated[int, Option("number of classes")] = 1000) -> NetSpec:
        \"\"\"One line that says what it is.\"\"\"

The function gives a NetSpec from an Input layer ``data`` to the classifier's values, its last
layer; data, loss and accuracy are put around it by netbuilder.build. ``Annotated`` holds what
the command line needs to know of a parameter.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, get_args

from netbuilder.errors import BuildError, one_of
from netbuilder.spec import NetSpec


class Option(NamedTuple):
    """What the command line says of a parameter.

    ``flags`` are spellings besides its name. ``unset`` gives the value where the default is None
    and none was given, from the other options; ``why`` says what that value is.
    """

    help: str
    flags: Sequence[str] = ()
    unset: Callable[[Mapping[str, Any]], Any] | None = None
    why: str = ""


class Parameter(NamedTuple):
    """A parameter of a network: name, type, default (inspect.Parameter.empty if required)."""

    name: str
    type: Any
    default: Any
    option: Option


class Reported(NamedTuple):
    """A published result: the row's name, the options it is for, and its accuracies, 0 to 1.

    ``setting`` is the training setting that it is for, where there are several; ``about`` says
    what else is known: how it was measured, days, GPUs.
    """

    name: str
    options: Mapping[str, Any]
    top1: float
    top5: float | None = None
    about: str = "center crop"
    setting: str | None = None


class Dataset(NamedTuple):
    """The data a network was made for: where Caffe's own example puts it, and its facts.

    ``stored_size`` is the height and width of the stored images; the sources are LMDB folders.
    Where there is a ``std_value`` for each channel, layers after the data subtract the mean and
    divide by it; else the data layer subtracts the mean and multiplies by ``scale``.
    """

    title: str
    train_source: str
    test_source: str
    mean_value: Sequence[float]
    stored_size: int
    train_images: int
    test_images: int
    batch_size: int
    test_batch_size: int
    std_value: Sequence[float] = ()
    scale: float | None = None


Of = TypeVar("Of")
# What differs between the variants of a network is a function of its complete options.
ByOptions = Of | Callable[[Mapping[str, Any]], Of]


class Network:
    """A registered network; calling it with its options gives its NetSpec.

    ``settings`` are names of recipes by the name of a training setting, where it was trained in
    several ways; ``recipe`` is what is taken when none is asked for. ``aux_weight`` is the loss
    weight of auxiliary classifiers: tops that nothing reads, besides the last layer's.
    ``preset`` holds options in place of the function's own defaults.
    """

    def __init__(
        self, function: Callable[..., NetSpec], name: str, *, dataset: ByOptions[Dataset],
        recipe: ByOptions[str], source: ByOptions[str], reported: Sequence[Reported] = (),
        settings: ByOptions[Mapping[str, str]] | None = None, aux_weight: float = 0.0,
        description: str = "", preset: Mapping[str, Any] | None = None,
    ) -> None:
        self.function, self.name = function, name
        self._dataset, self._recipe, self._source = dataset, recipe, source
        self.reported, self._settings, self.aux_weight = reported, settings or {}, aux_weight
        self.preset = preset or {}
        self.description = description or (function.__doc__ or "").partition("\n")[0].rstrip(".")

    def dataset(self, options: Mapping[str, Any]) -> Dataset:
        """The data that the network with these options was made for."""
        return self._by_options(self._dataset, options)

    def source(self, options: Mapping[str, Any]) -> str:
        """Where the network with these options comes from."""
        return self._by_options(self._source, options)

    def recipe(self, options: Mapping[str, Any], setting: str | None = None) -> str:
        """The name of its recipe; BuildError for a training setting that it does not have."""
        if setting is None:
            return self._by_options(self._recipe, options)
        known = self.settings(options)
        if setting not in known:
            raise BuildError(f'{self.name} with these options has no training setting "{setting}"'
                             f"{one_of(setting, known) if known else ''}")
        return known[setting]

    def settings(self, options: Mapping[str, Any]) -> Mapping[str, str]:
        """The names of recipes by those of the training settings that there are."""
        return self._by_options(self._settings, options)

    def _by_options(self, value: Any, options: Mapping[str, Any]) -> Any:
        return value(self.complete(options)) if callable(value) else value

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters by name."""
        # not get_type_hints: before Python 3.11 it hides an Annotated with default None
        signature = inspect.signature(self.function, eval_str=True).parameters.values()
        found = {item.name: Parameter(item.name, *_parts(item)) for item in signature}
        return {**found, **{name: found[name]._replace(default=value)
                            for name, value in self.preset.items()}}

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value. BuildError for an unknown or a missing one."""
        for name in given:
            if name not in self.parameters:
                raise BuildError(f'{self.name} has no option "{name}"'
                                 f"{one_of(name, self.parameters)}")
        values = {name: given.get(name, item.default) for name, item in self.parameters.items()}
        for name, item in self.parameters.items():
            if values[name] is inspect.Parameter.empty:
                raise BuildError(f"{self.name} needs {name}: {item.option.help}")
            if values[name] is None and item.option.unset:
                values[name] = item.option.unset(values)
        return values

    def __call__(self, **options: Any) -> NetSpec:
        return self.function(**self.complete(options))

    def result(self, options: Mapping[str, Any], setting: str | None = None) -> Reported | None:
        """What was published for exactly these options and this setting, if anything was."""
        complete = self.complete(options)
        for row in self.reported:
            if self.complete(row.options) == complete and setting in (None, row.setting):
                return row
        return None


def _parts(item: inspect.Parameter) -> tuple[Any, Any, Option]:
    kind, option = get_args(item.annotation)
    return kind, item.default, option


_NETWORKS: dict[str, Network] = {}


def network(name: str, **facts: Any) -> Callable[[Callable[..., NetSpec]], Network]:
    """Decorator: makes a function a Network known under ``name``. Doubles are refused."""

    return lambda function: _registered(Network(function, name, **facts))


def variant(name: str, of: Network, description: str, preset: Mapping[str, Any],
            reported: Sequence[Reported] = (), *, source: str = "") -> Network:
    """Registers a network under a further name, with other defaults for some of its options.

    ``source`` is where it comes from, if not from where the other does.
    """
    return _registered(Network(
        of.function, name, dataset=of._dataset, recipe=of._recipe, source=source or of._source,
        reported=reported, settings=of._settings, aux_weight=of.aux_weight,
        description=description, preset={**of.preset, **preset}))


def _registered(made: Network) -> Network:
    if made.name in _NETWORKS:
        raise ValueError(f"network {made.name} is registered twice")
    _NETWORKS[made.name] = made
    return made


def networks() -> dict[str, Network]:
    """Every network by its name."""
    import importlib
    import pkgutil

    import netbuilder.nets

    for module in pkgutil.iter_modules(netbuilder.nets.__path__):
        importlib.import_module(f"netbuilder.nets.{module.name}")
    return _NETWORKS


def find_network(name: str) -> Network:
    """The network of that name; BuildError with the list of names if there is none."""
    known = networks()
    if name not in known:
        raise BuildError(f'unknown network "{name}"{one_of(name, known)}')
    return known[name]
