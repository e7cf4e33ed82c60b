"""caffe.draw: a net as a graph for Graphviz (python/caffe/draw.py).

The text of a graph, for a file that ends with .dot, .gv or .raw, needs nothing more; pictures need
Graphviz's program ``dot``, and ``get_pydot_graph`` the library pydot or pydotplus.
"""

from __future__ import annotations

import importlib
import subprocess
from dataclasses import dataclass, field
from typing import Any

from netbuilder import passes
from netbuilder.errors import ArrayError, BuildError, FileMissing, LibraryMissing
from netbuilder.proto import caffe_pb2
from netbuilder.proto.io import write_atomically

Style = dict[str, str]

LAYER_STYLE_DEFAULT: Style = {"shape": "record", "fillcolor": "#6495ED", "style": "filled"}
NEURON_LAYER_STYLE: Style = {"shape": "record", "fillcolor": "#90EE90", "style": "filled"}
BLOB_STYLE: Style = {"shape": "octagon", "fillcolor": "#E0E0E0", "style": "filled"}

_COLOURS = {"Convolution": "#FF5050", "Deconvolution": "#FF5050", "Pooling": "#FF9900",
            "InnerProduct": "#CC33FF"}
_LEARNING = ("Convolution", "Deconvolution", "InnerProduct")
_EMPTY = '""'
_TEXT = ("dot", "gv", "raw")


@dataclass
class _Graph:
    """Nodes as (label, style) by key, and edges as (key, key, label)."""

    name: str
    rankdir: str
    nodes: dict[str, tuple[str, Style]] = field(default_factory=dict)
    edges: list[tuple[str, str, str]] = field(default_factory=list)


def get_pooling_types_dict() -> dict[int, str]:
    """The names of the pooling methods by number."""
    return {number: name for name, number in caffe_pb2.PoolingParameter.PoolMethod.items()}


def get_edge_label(layer: Any) -> str:
    """What stands at the edge to a layer's top: outputs, or a Data layer's batch."""
    if layer.type == "Data":
        return f"Batch {layer.data_param.batch_size}"
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    return _EMPTY


def get_layer_lr_mult(layer: Any) -> tuple[float, float]:
    """The lr_mult of weights and bias; raises ArrayError for a layer type that has none."""
    if layer.type not in _LEARNING:
        raise ArrayError(f"{layer.type} layers do not have a learning rate multiplier")
    if len(layer.param) > 2:
        raise ArrayError(f'Could not parse the learning rate multiplier of layer "{layer.name}": '
                         f"{len(layer.param)} params, not weights and bias")
    weights, bias = [*(param.lr_mult for param in layer.param), 1.0, 1.0][:2]
    return weights, bias


def get_layer_label(layer: Any, rankdir: str, display_lrm: bool = False) -> str:
    """A layer's node in words: name, type, window, learning rates; in quotation marks."""
    separator = " " if rankdir in ("TB", "BT") else r"\n"  # room is across, or down
    kind = layer.type
    if kind == "Pooling":
        kind += f" {get_pooling_types_dict()[layer.pooling_param.pool]}"
    words = [layer.name, f"({kind})"]
    if layer.type in ("Convolution", "Deconvolution", "Pooling"):
        words += map("{}: {}".format, ("kernel size", "stride", "pad"), _window(layer))
    if display_lrm and layer.type in _LEARNING:
        rates = get_layer_lr_mult(layer)
        if any(rates):
            words.append("lr mult: {:.1f}, {:.1f}".format(*rates))
    return f'"{separator.join(words)}"'


def _window(layer: Any) -> tuple[int, int, int]:
    if layer.type == "Pooling":
        return (layer.pooling_param.kernel_size, layer.pooling_param.stride,
                layer.pooling_param.pad)
    param = layer.convolution_param
    kernel, stride, pad = ([*values, default][0] for values, default in (
        (param.kernel_size, 1), (param.stride, 1), (param.pad, 0)))
    return kernel, stride, pad


def choose_color_by_layertype(layertype: str) -> str:
    """A layer type's colour."""
    return _COLOURS.get(layertype, LAYER_STYLE_DEFAULT["fillcolor"])


def _graph(net: Any, rankdir: str, label_edges: bool = True, phase: int | None = None,
           display_lrm: bool = False) -> _Graph:
    graph = _Graph(net.name or "Net", rankdir)
    for layer in (passes.upgrade(net) if net.layers else net).layer:
        if phase is not None and not _in_phase(layer, phase):
            continue
        node = f"{layer.name}_{layer.type}"
        graph.nodes[node] = get_layer_label(layer, rankdir, display_lrm), _style(layer)
        for bottom in layer.bottom:
            graph.nodes[f"{bottom}_blob"] = bottom, BLOB_STYLE
            graph.edges.append((f"{bottom}_blob", node, _EMPTY))
        for top in layer.top:  # in pycaffe a blob is plain until a layer reads it
            graph.nodes[f"{top}_blob"] = top, {}
            label = get_edge_label(layer) if label_edges else _EMPTY
            graph.edges.append((node, f"{top}_blob", label))
    return graph


def _style(layer: Any) -> Style:
    if len(layer.bottom) == 1 and list(layer.bottom) == list(layer.top):
        return NEURON_LAYER_STYLE
    return LAYER_STYLE_DEFAULT | {"fillcolor": choose_color_by_layertype(layer.type)}


def _in_phase(layer: Any, phase: int) -> bool:
    if layer.include and layer.exclude:
        raise ArrayError(f"layer {layer.name} has both include and exclude specified.")
    included = not layer.include or any(rule.phase == phase for rule in layer.include)
    return included and all(rule.phase != phase for rule in layer.exclude)


def _text(graph: _Graph) -> str:
    lines = [f"digraph {_quoted(graph.name)} {{", f"rankdir={_quoted(graph.rankdir)};"]
    for label, style in graph.nodes.values():
        attributes = ", ".join(f"{key}={_quoted(value)}" for key, value in style.items())
        lines.append(f"{_quoted(label)} [{attributes}];")
    for source, target, label in graph.edges:
        ends = " -> ".join(_quoted(graph.nodes[end][0]) for end in (source, target))
        lines.append(f"{ends} [label={_quoted(label)}];")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return '"{}"'.format(text.replace('"', r"\""))


def get_pydot_graph(caffe_net: Any, rankdir: str, label_edges: bool = True,
                    phase: int | None = None, display_lrm: bool = False) -> Any:
    """The graph of a NetParameter as pydot's object.

    ``rankdir`` is LR, TB or BT. With ``phase``, only its layers. Raises LibraryMissing without
    pydotplus or pydot.
    """
    pydot = _pydot()
    graph = _graph(caffe_net, rankdir, label_edges, phase, display_lrm)
    drawing = pydot.Dot(graph.name, graph_type="digraph", rankdir=rankdir)
    nodes = {key: pydot.Node(label, **style) for key, (label, style) in graph.nodes.items()}
    for node in nodes.values():
        drawing.add_node(node)
    for source, target, label in graph.edges:
        drawing.add_edge(pydot.Edge(nodes[source], nodes[target], label=label))
    return drawing


def _pydot() -> Any:
    for name in ("pydotplus", "pydot"):
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    raise LibraryMissing("a pydot graph needs pydot: pip install pydot; draw_net and "
                         "draw_net_to_file do without it")


def draw_net(caffe_net: Any, rankdir: str, ext: str = "png", phase: int | None = None,
             display_lrm: bool = False) -> bytes:
    """A picture of a NetParameter in a format of Graphviz, such as png, svg or pdf.

    "dot", "gv" and "raw" give the graph's text. Raises FileMissing without Graphviz, BuildError
    for a format that it does not know.
    """
    text = _text(_graph(caffe_net, rankdir, phase=phase, display_lrm=display_lrm)).encode()
    if ext in _TEXT:
        return text
    try:
        run = subprocess.run(["dot", f"-T{ext}"], input=text, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise FileMissing(f"drawing {ext} needs Graphviz's program dot, which is not there; "
                          "install graphviz, or let the file's name end with .dot") from error
    if run.returncode:
        raise BuildError(f"dot cannot draw {ext}: {run.stderr.decode(errors='replace').strip()}")
    return run.stdout


def draw_net_to_file(caffe_net: Any, filename: str, rankdir: str = "LR",
                     phase: int | None = None, display_lrm: bool = False) -> None:
    """Writes what ``draw_net`` gives, in the format that the file's name ends with."""
    ext = filename[filename.rfind(".") + 1:]
    write_atomically(filename, draw_net(caffe_net, rankdir, ext, phase, display_lrm))
