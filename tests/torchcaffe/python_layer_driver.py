"""Runs nets with Python layers in either engine; in old Pythons too, for real Caffe's."""

import importlib
import json
import os
import sys

import numpy as np


def python(name, layer, bottoms="", tops="", *, param_str="", rest=""):
    """A Python layer of user_layers, as text; names separated by spaces."""
    ends = [f'bottom: "{each}"' for each in bottoms.split()]
    ends += [f'top: "{each}"' for each in tops.split()]
    return (f'layer {{ name: "{name}" type: "Python" {" ".join(ends)} {rest} python_param {{ '
            f'module: "user_layers" layer: "{layer}" param_str: "{param_str}" }} }}\n')


def full(name, bottom, outputs, rest=""):
    return (f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
            f'inner_product_param {{ num_output: {outputs} '
            f'weight_filler {{ type: "constant" value: 0.3 }} }} {rest} }}\n')


def blob(name, *shape):
    dims = " ".join(f"dim: {dim}" for dim in shape)
    return (f'layer {{ name: "{name}" type: "Input" top: "{name}" '
            f"input_param {{ shape {{ {dims} }} }} }}\n")


TRAINED = (python("data", "Batches", tops="data label", param_str="4,7,2")
           + full("in", "data", 3)
           + python("gain", "Gain", "in", "gain", param_str="0.5",
                    rest="param { lr_mult: 2 } param { decay_mult: 0 }")
           + full("out", "gain", 2)
           + python("loss", "SquaredLoss", "out label", "loss", rest="loss_weight: 2"))
WATCHED = (blob("one", 2, 3) + blob("other", 4) + full("in", "one", 3)
           + python("watch", "Watcher", "in other", "same rest", param_str="a 'b'",
                    rest="loss_weight: 1 loss_weight: 0"))
SOLVER = ('net: "trained.prototxt" base_lr: 0.1 momentum: 0.9 weight_decay: 0.01 '
          'lr_policy: "fixed" display: 0 max_iter: 20 iter_size: 2 snapshot_prefix: "trained"\n')


def run(caffe, folder):
    """Everything to compare, in ``folder``: found.npz and events.json."""
    import user_layers

    os.chdir(folder)
    for name, text in (("trained", TRAINED), ("watched", WATCHED), ("solver", SOLVER)):
        with open(name + ".prototxt", "w") as file:
            file.write(text)
    found = {**watch(caffe), **train(caffe)}
    np.savez("found.npz", **found)
    with open("events.json", "w") as file:
        json.dump(user_layers.EVENTS, file)


def watch(caffe):
    net = caffe.Net("watched.prototxt", caffe.TRAIN)
    net.blobs["one"].data[...] = [[1, 2, 3], [4, 5, 6]]
    net.forward()
    net.backward()
    net.blobs["one"].reshape(1, 3)
    net.reshape()
    net.forward()
    caffe.Net("watched.prototxt", caffe.TEST).forward()
    return {"same": net.blobs["same"].data.copy(), "in": net.blobs["in"].diff.copy(),
            "other": net.blobs["other"].diff.copy(), "grad": net.params["in"][0].diff.copy()}


def train(caffe):
    solver = caffe.get_solver("solver.prototxt")
    found = {}
    for iteration in range(12):
        solver.step(1)
        found[f"loss {iteration}"] = np.array(solver.net.blobs["loss"].data)
        for layer, blobs in solver.net.params.items():
            for index, values in enumerate(blobs):
                found[f"{layer} {index} {iteration}"] = values.data.copy()
    found["batches"] = np.array(solver.net.layers[0].done)
    solver.net.save("trained.caffemodel")
    return found


if __name__ == "__main__":
    run(importlib.import_module(sys.argv[1]), sys.argv[2])
