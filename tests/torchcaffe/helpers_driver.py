"""Exercises caffe.coord_map, draw, Classifier and Detector in either engine; real Caffe's Python
is 3.9. ``helpers_driver.py job.json out.npz``, see ``run``.

Everything found is an array under its name; an exception is the list of its class's names.
"""

import json
import random
import sys
import types

import numpy as np


def run(caffe, job):
    """What a job, a dict of folders and files, makes: name -> array."""
    import importlib

    coord_map = importlib.import_module(caffe.__name__ + ".coord_map")
    found = {}
    cropping(caffe, coord_map, found)
    drawing(caffe, job["nets"], found)
    classifying(caffe, job, found)
    detecting(caffe, job, found)
    return found


def noted(found, name, call, *arguments, **options):
    try:
        found[name] = np.array(call(*arguments, **options))
    except Exception as error:
        found[name] = np.array([kind.__name__ for kind in type(error).__mro__])


# coord_map.

KINDS = ["Convolution", "Pooling", "Deconvolution", "ReLU", "Scale", "Crop", "LRN", "InnerProduct",
         "Eltwise", "Im2col", "sized"]
UNEVEN = [{"kernel_h": 3, "kernel_w": 5}, {"kernel_size": 3, "stride_h": 2, "stride_w": 1},
          {"kernel_size": 5, "pad": 2}]


def grown(L, top, rng):
    """A layer of a random kind onto a top."""
    kind = rng.choice(KINDS[:5] * 3 + KINDS)
    if kind in ("Convolution", "Deconvolution", "Im2col", "Pooling"):
        return slid(L, kind, top, rng)
    if kind == "Crop":
        other = L.Input(input_param={"shape": {"dim": [2, 1, 4, 4]}})
        return L.Crop(top, other, crop_param={"axis": 2, "offset": rng.choice([0, 3, [1, 2]])})
    if kind == "Eltwise":
        return L.Eltwise(L.ReLU(top), top)
    if kind == "sized":
        return L.Convolution(top, num_output=2, **rng.choice(UNEVEN))
    return getattr(L, kind)(top)


def slid(L, kind, top, rng):
    sizes = {"kernel_size": rng.choice([1, 2, 3, 4, [3, 5]]), "stride": rng.choice([1, 1, 2, 4]),
             "pad": rng.choice([0, 1, [0, 2]])}
    if rng.random() < 0.2:
        del sizes["stride"]
    if kind == "Pooling":
        return L.Pooling(top, pool=0, **{name: value for name, value in sizes.items()
                                         if not isinstance(value, list)})
    sizes["dilation"] = rng.choice([1, 2])
    if rng.random() < 0.2:
        sizes["axis"] = rng.choice([1, 2])
    return getattr(L, kind)(top, convolution_param=sizes)


def branch(L, top, rng):
    tops = [top]
    for _ in range(rng.randrange(4)):
        tops.append(grown(L, tops[-1], rng))
    return tops


def mapped(function, *arguments):
    axis, scale, shift = function(*arguments)
    return [[-1 if axis is None else axis] + list(map(float, np.broadcast_to(values, 2)))
            for values in (scale, shift)]


def cropped(coord_map, one, other):
    param = coord_map.crop(one, other).fn.params["crop_param"]
    return [param["axis"]] + [int(offset) for offset in np.broadcast_to(param["offset"], 2)]


def cropping(caffe, coord_map, found):
    L = caffe.layers
    for seed in range(400):
        rng = random.Random(seed)
        data = L.Input(input_param={"shape": {"dim": [2, 1, 100, 100]}})
        one, other = branch(L, data, rng)[-1], branch(L, data, rng)[-1]
        if rng.random() < 0.1:
            other = L.Input(input_param={"shape": {"dim": [2, 1, 100, 100]}})
        noted(found, f"map {seed}", mapped, coord_map.coord_map_from_to, one, other)
        noted(found, f"crop {seed}", cropped, coord_map, one, other)
    noted(found, "layer map", mapped, coord_map.coord_map, L.ReLU(data).fn)
    noted(found, "no layer map", mapped, coord_map.coord_map, L.InnerProduct(data).fn)


# draw.


class Recorder:
    """Stands in for pydot: writes down what a graph is made of."""

    class Node:
        def __init__(self, name, **style):
            self.name, self.style = name, style

    class Edge:
        def __init__(self, source, target, label):
            self.said = [source.name, target.name, label]

    class Dot:
        def __init__(self, name, graph_type, rankdir):
            self.said = [name, graph_type, rankdir]

        def add_node(self, node):
            self.said.append([node.name, sorted(node.style.items())])

        def add_edge(self, edge):
            self.said.append(edge.said)


def drawn(draw, *arguments, **options):
    return json.dumps(draw.get_pydot_graph(*arguments, **options).said)


def drawing(caffe, nets, found):
    import importlib

    from google.protobuf import text_format

    sys.modules["pydotplus"] = stand_in = types.ModuleType("pydotplus")
    stand_in.Node, stand_in.Edge, stand_in.Dot = Recorder.Node, Recorder.Edge, Recorder.Dot
    try:
        draw = importlib.import_module(caffe.__name__ + ".draw")
        for name, text in sorted(nets.items()):
            net = text_format.Parse(text, caffe.proto.caffe_pb2.NetParameter())
            for rankdir, phase, rates in [("LR", None, False), ("TB", 0, True), ("BT", 1, True),
                                          ("RL", None, True)]:
                noted(found, f"graph {name} {rankdir}", drawn, draw, net, rankdir,
                      rankdir != "BT", phase=phase, display_lrm=rates)
            for layer in net.layer:
                noted(found, f"lr {name} {layer.name}", draw.get_layer_lr_mult, layer)
        found["pooling types"] = np.array(sorted(draw.get_pooling_types_dict().items()))
        for what in ("LAYER_STYLE_DEFAULT", "NEURON_LAYER_STYLE", "BLOB_STYLE"):
            found[what] = np.array(sorted(key for key in getattr(draw, what)))
    finally:
        del sys.modules["pydotplus"]


# Classifier and Detector.


def pictures():
    rng = np.random.RandomState(3)
    return [rng.uniform(0, 1, size).astype(np.float32) for size in
            [(20, 24, 3), (13, 12, 3), (9, 31, 3), (16, 16, 3)]]


SETTINGS = {
    "plain": {},
    "usual": {"mean": np.array([104.0, 117.0, 123.0]), "raw_scale": 255.0,
              "channel_swap": [2, 1, 0]},
    "image": {"mean": np.random.RandomState(1).uniform(0, 9, (3, 16, 14)), "input_scale": 0.02,
              "raw_scale": 10.0},
}


def classifying(caffe, job, found):
    for name, settings in sorted(SETTINGS.items()):
        for dims in (None, (20, 19), [18, 24]):
            net = caffe.Classifier(job["model"], job["weights"], image_dims=dims, **settings)
            assert isinstance(net, caffe.Net)
            found[f"dims {name} {dims}"] = np.array([net.image_dims, net.crop_dims])
            for oversample in (True, False):
                found[f"classes {name} {dims} {oversample}"] = net.predict(pictures(), oversample)
    noted(found, "bad mean", caffe.Classifier, job["model"], job["weights"], mean=np.zeros(5))
    noted(found, "bad swap", caffe.Classifier, job["model"], job["weights"], channel_swap=(1, 0))


WINDOWS = np.array([[2, 3, 15, 17], [0, 0, 20, 30], [5, 1, 9, 8], [12, 20, 25, 37], [0, 30, 4, 37]])


def detecting(caffe, job, found):
    windows = [(job["pictures"][0], WINDOWS), (job["pictures"][1], WINDOWS[:2])]
    for name, settings in sorted(SETTINGS.items()):
        for pad in (None, 2, 4):
            net = caffe.Detector(job["square"], job["weights"], context_pad=pad, **settings)
            found[f"crop dims {name} {pad}"] = np.array(net.crop_dims)
            if pad and (name == "image" or not settings):
                found[f"crop mean {name} {pad}"] = np.array(net.crop_mean)
            for index, one in enumerate(net.detect_windows(windows)):
                assert sorted(one) == ["filename", "prediction", "window"]
                found[f"seen {name} {pad} {index}"] = np.array(one["prediction"])
                found[f"where {name} {pad} {index}"] = np.array(one["window"])
    noted(found, "no proposals", net.detect_selective_search, [job["pictures"][0]])


class Whole(np.ndarray):
    """An image that takes places such as 3.0, as the numpy of pycaffe's day did."""

    def __getitem__(self, key):
        if isinstance(key, tuple):
            key = tuple(slice(int(part.start), int(part.stop)) if isinstance(part, slice)
                        and part.start is not None else part for part in key)
        return super().__getitem__(key)


if __name__ == "__main__":
    import caffe
    import pyio_driver

    pyio_driver.repair_imread()
    load_image = caffe.io.load_image
    caffe.io.load_image = lambda name: load_image(name).view(Whole)
    with open(sys.argv[1]) as file:
        np.savez(sys.argv[2], **run(caffe, json.load(file)))
