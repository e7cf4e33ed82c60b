"""Data layers run through pycaffe's API, in either engine; in old Pythons too, for Caffe's."""

import importlib
import json
import sys

import numpy as np


def run(caffe, job):
    """Forward passes of one net, each blob of each pass kept.

    A job is a dict: ``net``, a prototxt; ``phase``; ``passes``; ``seed``; ``out``, the .npz to
    write, with ``made/BLOB`` and ``PASS/BLOB``; if need be ``arrays``, an .npz of images and
    labels for MemoryData, and ``write``, a value for all blobs before each pass.
    """
    caffe.set_random_seed(job["seed"])
    net = caffe.Net(str(job["net"]), job["phase"])
    found = {}
    arrays = dict(np.load(job["arrays"])) if "arrays" in job else {}
    keep(found, "made", net)
    if arrays:
        net.set_input_arrays(arrays["images"], arrays["labels"])
    for turn in range(job["passes"]):
        if "write" in job:
            for blob in net.blobs.values():
                blob.data[...] = job["write"]
        net.forward()
        keep(found, str(turn), net)
    np.savez(job["out"], **found)


def keep(found, when, net):
    """Copies the data of all blobs."""
    for name, blob in net.blobs.items():
        found["/".join((when, name))] = blob.data.copy()


if __name__ == "__main__":
    engine = importlib.import_module(sys.argv[1])
    with open(sys.argv[2]) as file:
        for todo in json.load(file):
            run(engine, todo)
