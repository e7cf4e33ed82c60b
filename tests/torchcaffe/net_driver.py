"""Runs nets through pycaffe's API, in either engine; in old Pythons too, for real Caffe's."""

import importlib
import json
import sys

import numpy as np


def run(caffe, job):
    """One net forward and backward, ``passes`` times, and then every number of it.

    A job is a dict: ``net``, a prototxt; ``phase``; ``arrays``, an .npz of what to put in
    (``data/BLOB``, ``diff/BLOB``, ``param/LAYER/INDEX``); ``passes``; ``out``, the .npz to write.
    """
    net = caffe.Net(str(job["net"]), job["phase"])
    arrays = dict(np.load(job["arrays"]))
    for name, array in arrays.items():
        kind, _, place = name.partition("/")
        if kind == "param":
            layer, index = place.rsplit("/", 1)
            net.params[layer][int(index)].data[...] = array
    for _ in range(job["passes"]):
        for name, array in arrays.items():
            kind, _, place = name.partition("/")
            if kind in ("data", "diff"):
                getattr(net.blobs[place], kind)[...] = array
        net.forward()
        net.backward()
    np.savez(job["out"], **results(net))


def results(net):
    """Data and diff of all blobs, and data and grad of all parameters, by the names of ``run``."""
    found = {}
    for name, blob in net.blobs.items():
        found["data/" + name] = blob.data.copy()
        found["diff/" + name] = blob.diff.copy()
    for layer, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            found["/".join(("param", layer, str(index)))] = blob.data.copy()
            found["/".join(("grad", layer, str(index)))] = blob.diff.copy()
    return found


if __name__ == "__main__":
    engine = importlib.import_module(sys.argv[1])
    with open(sys.argv[2]) as file:
        for todo in json.load(file):
            run(engine, todo)
