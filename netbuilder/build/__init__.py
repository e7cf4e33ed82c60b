"""A network, a source of data and a head become files, for people to read and edit."""

from netbuilder.build.files import Built, build, plan
from netbuilder.build.order import MADE, USES, Order

__all__ = ["MADE", "USES", "Built", "Order", "build", "plan"]
