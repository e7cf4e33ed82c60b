"""Data layers run through pycaffe's API, in either engine; in old Pythons too, for Caffe's."""

import importlib
import json
import sys

import numpy as np


def run(caffe, job):
    """Forward passes of one net, each blob of each pass kept.

    A job is a dict: ``net``, a prototxt; ``phase``; ``passes``; ``seed``; ``out``, the .npz to
    write, with ``PASS/BLOB``.
    """
    caffe.set_random_seed(job["seed"])
    net = caffe.Net(str(job["net"]), job["phase"])
    found = {}
    for turn in range(job["passes"]):
        net.forward()
        for name, blob in net.blobs.items():
            found["/".join((str(turn), name))] = blob.data.copy()
    np.savez(job["out"], **found)


if __name__ == "__main__":
    engine = importlib.import_module(sys.argv[1])
    with open(sys.argv[2]) as file:
        for todo in json.load(file):
            run(engine, todo)
