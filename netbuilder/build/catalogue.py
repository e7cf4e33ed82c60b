"""Every network that can be built by name: what it costs, and what was reported for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from netbuilder.analysis.costs import costs
from netbuilder.build.nets import main_net
from netbuilder.graph import resolve
from netbuilder.layer import show
from netbuilder.nets.registry import Network, Reported, networks


class Entry(NamedTuple):
    """A network with its defaults, or with the options of one of its reported results.

    ``label`` is its name, followed by that of the result; ``input`` is the shape of one image.
    """

    label: str
    network: Network
    learned_params: int
    macs: int
    input: str
    reported: Reported | None
    source: str

    @property
    def figures(self) -> dict[str, Any]:
        """Everything about it, for programs."""
        reported = self.reported
        return {
            "name": self.network.name, "label": self.label,
            "description": self.network.description,
            "learned_params": self.learned_params, "macs": self.macs, "input": self.input,
            "top1": reported and reported.top1, "top5": reported and reported.top5,
            "about": reported and reported.about, "source": self.source,
        }


def catalogue() -> Iterator[Entry]:
    """Every network with its defaults, each followed by what else was reported for it."""
    for name, network in sorted(networks().items()):
        first = network.result({})
        yield _entry(name, network, {}, first)
        for row in network.reported:
            if row is not first:
                yield _entry(f"{name}: {row.name}", network, row.options, row)


def _entry(label: str, network: Network, options: Mapping[str, Any], reported: Reported | None
           ) -> Entry:
    graph = resolve(main_net(network(**options).to_proto()))
    totals = costs(graph).totals
    return Entry(label, network, totals["learned_params"], totals["macs"],
                 show(graph.blobs["data"][1:]), reported, network.source(options))
