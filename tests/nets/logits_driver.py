"""Runs a net of Inputs through pycaffe's API, in either engine: ``logits_driver.py engine jobs.json``.

A job has ``net``, a prototxt, ``phase``, ``arrays``, an .npz (``data/BLOB``, ``param/LAYER/INDEX``),
and ``out``, the .npz for ``data/BLOB`` of the net's outputs; in TRAIN also for every ``grad/LAYER/
INDEX`` and ``param/LAYER/INDEX`` after one pass forward and backward.
"""

import importlib
import json
import sys

import numpy as np


def run(caffe, job):
    net = caffe.Net(str(job["net"]), job["phase"])
    for name, array in dict(np.load(job["arrays"])).items():
        kind, place = name.split("/", 1)
        if kind == "data":
            net.blobs[place].data[...] = array
        else:
            layer, index = place.rsplit("/", 1)
            net.params[layer][int(index)].data[...] = array
    net.forward()
    found = {"data/" + name: net.blobs[name].data.copy() for name in net.outputs}
    if job["phase"] == caffe.TRAIN:
        net.backward()
        for layer, blobs in net.params.items():
            for index, blob in enumerate(blobs):
                found["grad/%s/%d" % (layer, index)] = blob.diff.copy()
                found["param/%s/%d" % (layer, index)] = blob.data.copy()
    np.savez(job["out"], **found)


if __name__ == "__main__":
    engine = importlib.import_module(sys.argv[1])
    with open(sys.argv[2]) as file:
        for todo in json.load(file):
            run(engine, todo)
