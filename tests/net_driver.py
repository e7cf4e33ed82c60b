"""Runs nets through pycaffe's API, in either engine; in old Pythons too, for real Caffe's."""

import importlib
import json
import sys

import numpy as np


def run(caffe, job):
    """One net forward and backward, ``passes`` times, and then every number of it.

    A job is a dict: ``net``, a prototxt; ``phase``; ``arrays``, an .npz of what to put in
    (``data/BLOB``, ``diff/BLOB``, ``param/LAYER/INDEX``); ``passes``; ``out``, the .npz to write.
    ``data/BLOB@2`` is put in before the third pass only, and the blob takes its shape.
    ``weights``, if there, is a file to start from; ``save`` and ``save_after`` are files for the
    parameters before the first pass and after the last.
    """
    net = caffe.Net(str(job["net"]), job["phase"])
    if "weights" in job:
        net.copy_from(job["weights"])
    arrays = dict(np.load(job["arrays"]))
    put_params(net, arrays)
    if "save" in job:
        net.save(job["save"])
    for number in range(job["passes"]):
        put_blobs(net, arrays, number)
        net.forward()
        net.backward()
    if "save_after" in job:
        net.save(job["save_after"])
    np.savez(job["out"], **results(net))


def put_params(net, arrays):
    """Puts a job's parameters in."""
    for name, array in arrays.items():
        if name.startswith("param/"):
            layer, index = name[len("param/"):].rsplit("/", 1)
            net.params[layer][int(index)].data[...] = array


def put_blobs(net, arrays, number):
    """Puts in what a job has for the data and diff of blobs before its pass ``number``."""
    for name, array in arrays.items():
        kind, _, place = name.partition("/")
        place, _, only = place.partition("@")
        if kind == "param" or (only and int(only) != number):
            continue
        blob = net.blobs[place]
        if only and blob.data.shape != array.shape:
            blob.reshape(*array.shape)
        getattr(blob, kind)[...] = array


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
    engine.set_random_seed(1)  # first values by fillers are the same in every run
    with open(sys.argv[2]) as file:
        for todo in json.load(file):
            run(engine, todo)
