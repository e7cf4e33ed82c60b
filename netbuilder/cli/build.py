"""``netbuilder build NAME``: a network's files. The options of a network are its parameters."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, get_args, get_origin

import click

from netbuilder.build import Built, Order
from netbuilder.build import build as build_files
from netbuilder.cli.main import FriendlyMixin
from netbuilder.errors import BuildError
from netbuilder.lego.data import SOURCES
from netbuilder.nets.registry import Network, Parameter, find_network, networks

SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "token_normalize_func": lambda token: token.replace("_", "-"),  # --fc_layers, --fc-layers
}
_NUMBER = re.compile(r"-\d")  # a bad value, not an option
_TYPED = "netbuilder.typed"


def _option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(names, **attributes)


def data_options() -> dict[str, click.Option]:
    """The options of every network that say where its images come from."""
    return _by_name(
        _option("--data", default="lmdb", show_default=True, type=click.Choice(list(SOURCES)),
                help="Where the images come from."),
        _option("--train-source", metavar="PATH",
                help="LMDB folder, or list of files. [default for lmdb: as in Caffe's examples]"),
        _option("--test-source", metavar="PATH", help="The same for testing."),
        _option("--batch-size", type=int, help="Images per batch in training."),
        _option("--test-batch-size", type=int, help="Images per batch in testing."),
        _option("--mean-file", metavar="FILE", help="A mean image, as a binaryproto."),
        _option("--mean-value", type=float, multiple=True, metavar="NUMBER...",
                help="A mean for all channels, or one for each. [default: the data set's]"),
        _option("--std-value", type=float, multiple=True, metavar="NUMBER...",
                help="Divide by this: a standard deviation for all channels, or one for each. "
                     "[default: the network's, if it has any and no --scale is given]"),
        _option("--mirror/--no-mirror", default=None,
                help="Flip half of the training images. [default: mirror]"),
        _option("--scale", type=float, help="A factor on the values, after the mean."),
        _option("--resize", type=int, metavar="SIZE",
                help="image_list: height and width of the images before the crop."),
    )


def file_options() -> dict[str, click.Option]:
    """The options of every network that say what is written."""
    return _by_name(
        _option("-o", "--output-folder", default=".", metavar="FOLDER",
                help="Folder for the files. [default: the current folder]"),
        _option("--train-val", is_flag=True, help="Write train_val.prototxt too."),
        _option("--recipe", metavar="NAME", help="The solver's recipe. [default: the network's]"),
        _option("--devices", type=int, default=1, show_default=True,
                help="How many devices train at once, each with a batch of its own."),
        _option("--epochs", type=float,
                help="Where the run ends; the schedule until then stays. [default: the recipe's]"),
        _option("--set", "settings", multiple=True, metavar="FIELD=VALUE...",
                help="Fields of the solver in place of the recipe's, such as max_iter=1000."),
    )


def setting_options(network: Network) -> dict[str, click.Option]:
    """The choice of a training setting, where the network was trained in several ways."""
    settings = network.settings({})
    if not settings:
        return {}
    return _by_name(_option("--setting", type=click.Choice(list(settings)),
                            help="Train as in this published setting."))


def _by_name(*options: click.Option) -> dict[str, click.Option]:
    return {option.name or "": option for option in options}


def network_options(network: Network) -> dict[str, click.Option]:
    """The options that follow from a network's signature."""
    return _by_name(*(_of_parameter(item) for item in network.parameters.values()))


def _of_parameter(item: Parameter) -> click.Option:
    long = f"--{item.name}".replace("_", "-") if len(item.name) > 1 else ""
    kind, many = _click_type(item.type)
    default = "" if item.default is None or item.default is inspect.Parameter.empty else (
        f" [default: {_shown(item.default)}]")
    attributes: dict[str, Any] = {
        "help": item.option.help[0].upper() + item.option.help[1:] + "." + default,
        "required": item.default is inspect.Parameter.empty}
    if kind is bool:
        return _option(item.name, f"{long}/--no-{long[2:]}", default=None, **attributes)
    names = [name for name in (*item.option.flags, long) if name]
    metavar = kind.__name__.upper() + ("..." if many else "")
    return _option(item.name, *names, type=kind, multiple=many, metavar=metavar, **attributes)


def _click_type(hint: Any) -> tuple[type, bool]:
    """The plain type of an annotation, and whether it takes several values."""
    if get_origin(hint) is tuple:
        return get_args(hint)[0], True
    plain = [part for part in get_args(hint) if part is not NoneType]
    return _click_type(plain[0]) if plain else (hint, False)


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


class NetworkCommand(FriendlyMixin, click.Command):
    """The command that builds one network.

    Underscores and dashes are the same in options; one that may be repeated also takes several
    values at once: ``-b 3 4 6 3``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = shlex.join([*ctx.command_path.split(), *args])
        return super().parse_args(ctx, list(spread(args, self._many())))

    def _many(self) -> set[str]:
        return {_dashed(name) for param in self.params if getattr(param, "multiple", False)
                for name in param.opts}


def _dashed(flag: str) -> str:
    return flag.replace("_", "-")


def spread(args: Sequence[str], many: set[str]) -> Iterable[str]:
    """``-b 3 4`` as ``-b 3 -b 4``, for the flags in ``many``."""
    flag, values = "", 0
    for token in args:
        if token.startswith("-") and not _NUMBER.match(token):
            name, _, value = token.partition("=") if token.startswith("--") else (
                token[:2], "", token[2:])
            flag, values = (name if _dashed(name) in many else ""), len(value)
        else:
            if flag and values:
                yield flag
            values += 1
        yield token


def network_command(network: Network) -> click.Command:
    """The command that builds this network's files."""
    data, own = data_options(), network_options(network)
    files = {**setting_options(network), **file_options()}

    def run(**values: Any) -> None:
        given = {key: value for key, value in values.items() if value not in (None, ())}
        order = Order(
            network=network,
            options={key: given[key] for key in own if key in given},
            data=given["data"],
            data_options={key: given[key] for key in data if key in given and key != "data"},
            setting=given.get("setting"),
            recipe=given.get("recipe"),
            devices=given["devices"],
            epochs=given.get("epochs"),
            settings=_settings(given.get("settings", ())),
            train_val=given["train_val"],
            command=click.get_current_context().meta[_TYPED],
        )
        folder = given["output_folder"]
        _report(order, folder, build_files(order, folder))

    text = f"{network.description}.\n\n\b\nSource: {network.source({})}"
    return NetworkCommand(
        network.name, callback=run, help=text, context_settings=SETTINGS,
        short_help=network.description, params=[*{**own, **data, **files}.values()],
    )


def _settings(pairs: Sequence[str]) -> Mapping[str, list[str]]:
    settings: dict[str, list[str]] = {}
    for pair in pairs:
        field, equals, value = pair.partition("=")
        if not equals:
            raise BuildError(f'--set takes FIELD=VALUE, such as max_iter=1000, not "{pair}"')
        settings.setdefault(field, []).append(value)
    return settings


def _report(order: Order, folder: str, built: Built) -> None:
    totals = built.costs.totals
    click.echo(f"Number of params: {totals['documented_params'] / 1e6} Million")
    click.echo(f"Number of flops: {totals['documented_flops'] / 1e6} Million")
    for line in _filled_in(order):
        click.echo(line)
    click.echo(f"learned parameters: {totals['learned_params']:,}")
    click.echo(f"stored values: {totals['stored_values']:,}")
    click.echo(f"multiply-accumulates of one image: {totals['macs']:,}")
    click.echo(f"files in {folder}: {', '.join(built.files)}")
    click.echo("to train: " + (built.command or "a program of yours hands the images over with "
                                               "net.set_input_arrays; see README.md there"))


def _filled_in(order: Order) -> Iterable[str]:
    """What was not given and has no fixed default."""
    complete = order.network.complete(order.options)
    for name, item in order.network.parameters.items():
        if item.option.unset and name not in order.options:
            yield f"{name} was not given: {complete[name]}, {item.option.why}"


class NetworkGroup(FriendlyMixin, click.Group):
    """One command for each network."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(networks())

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        return network_command(find_network(name.replace("-", "_")))


@click.group(cls=NetworkGroup, context_settings={"help_option_names": ["-h", "--help"]})
def build() -> None:
    """Build a network's files: train, test, deploy and solver prototxt.

    `netbuilder build NAME --help` tells the options of one network.
    """
