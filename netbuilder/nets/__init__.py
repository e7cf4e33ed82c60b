"""Networks: one module each, found by themselves."""

from netbuilder.nets.registry import Network, find_network, network, networks

__all__ = ["Network", "find_network", "network", "networks"]
