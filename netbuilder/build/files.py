"""All files of an order: the nets, the solvers, the command that trains, the model card."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import NamedTuple

from netbuilder.analysis.costs import Costs, costs
from netbuilder.build.images import images
from netbuilder.build.nets import main_net, net_files
from netbuilder.build.order import MADE, USES, Order
from netbuilder.files import write_folder
from netbuilder.graph import resolve
from netbuilder.layer import show
from netbuilder.lego.data import Source
from netbuilder.solver.recipes import Run, facts, solver_texts
from netbuilder.solver.render import render

SOLVERS = r"solver(_\d+)?\.prototxt"


class Built(NamedTuple):
    """The files' texts by name, what the network costs as deployed, and the command that trains
    it: empty where a program has to."""

    files: dict[str, str]
    costs: Costs
    command: str


def build(order: Order, folder: str) -> Built:
    """Builds what is ordered into ``folder``: all files, or none.

    Raises a NetbuilderError for options that describe no network, and BuildError for a folder
    that cannot be written, or that holds other files of these names. Solvers of an earlier run
    go: `netbuilder train --run` would train them as well.
    """
    built = plan(order, folder)
    write_folder(folder, built.files, MADE, outdated=SOLVERS)
    return built


def plan(order: Order, folder: str) -> Built:
    """The files as ``build`` would write them into ``folder``."""
    folder = os.path.normpath(folder)
    spec = order.network(**order.options)
    net = spec.to_proto()
    main = main_net(net)
    graph = resolve(main)
    data = images(order, graph.blobs["data"])
    files = net_files(order, net, main, spec.comments, data)
    solvers = _solvers(order, folder, data.train, data.test)
    files.update((name, f"# {order.made}\n\n{text}") for name, text in solvers.items())
    command = _command(folder, data.train, solvers)
    if command:
        files["train.sh"] = render("job/train.sh", made=order.made, name=order.network.name,
                                   start=_start(folder), command=command)
    built = Built(files, costs(graph), command)
    files["README.md"] = _card(order, built, solvers)
    return built


def _solvers(order: Order, folder: str, train: Source, test: Source) -> dict[str, str]:
    """The solvers' texts: solver.prototxt, or solver_1.prototxt and so on, one after another."""
    run = Run(folder, order.network.name, train.batch_size, test.batch_size,
              order.dataset.test_images, order.devices, order.epochs)
    texts = solver_texts(order.chosen_recipe, run, order.settings)
    if len(texts) == 1:
        return {"solver.prototxt": texts[0]}
    return {f"solver_{number}.prototxt": text for number, text in enumerate(texts, 1)}


def _command(folder: str, source: Source, solvers: Mapping[str, str]) -> str:
    """The command that trains, or nothing where no command can."""
    if source.HANDED_OVER:
        return ""
    if len(solvers) > 1:
        return shlex.join(["netbuilder", "train", "--run", folder])
    solver = os.path.normpath(f"{folder}/solver.prototxt")
    return shlex.join(["netbuilder", "train", "--solver", solver])


def _start(folder: str) -> str:
    """The folder from which the paths count, as the script in ``folder`` can find it."""
    if os.path.isabs(folder):
        return shlex.quote(os.getcwd())
    return f'"$(dirname "$0")"/{shlex.quote(os.path.relpath(os.curdir, folder))}'


def _card(order: Order, built: Built, solvers: Mapping[str, str]) -> str:
    uses = dict(USES)
    for number, name in enumerate(solvers, 1):
        if len(solvers) > 1:
            uses[name] = f"how to train, part {number} of {len(solvers)}"
    return render(
        "report/model.md", made=order.made, name=order.network.name, summary=order.summary,
        description=order.network.description, source=order.source,
        totals=built.costs.totals, input=show(built.costs.blobs["data"][1:]),
        result=order.result, dataset=order.dataset, solvers=list(solvers),
        facts=facts(next(iter(solvers.values()))), command=built.command,
        uses={name: uses[name] for name in [*built.files, "README.md"]},
        changed=shlex.join(f"{name}={value}" for name, values in order.settings.items()
                           for value in values),
    )
