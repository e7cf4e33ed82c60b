"""Static analysis: what a network costs, from its file alone (docs/counting.md)."""

from netbuilder.analysis.complexity import get_complexity
from netbuilder.analysis.costs import COUNTS, Costs, LayerRow, ParamRow, costs

__all__ = ["COUNTS", "Costs", "LayerRow", "ParamRow", "costs", "get_complexity"]
