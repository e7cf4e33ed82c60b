"""One pass and a few steps of training, in either engine; in old Pythons too, for real Caffe's."""

import importlib
import json
import sys

import numpy as np


def run(caffe, job):
    """A job is a dict: ``net`` and ``solver``, prototxts; ``weights``, a file to start from;
    ``images`` and ``labels`` in an .npz; ``steps``; ``out``, the .npz to write.

    Written are the outputs and gradients of one pass, and the loss before each step.
    """
    arrays = dict(np.load(job["arrays"]))
    net = caffe.Net(str(job["net"]), caffe.TRAIN)
    net.copy_from(str(job["weights"]))
    fill(net, arrays)
    found = {"out/" + name: blob.copy() for name, blob in net.forward().items()}
    net.backward()
    for layer, blobs in net.params.items():
        for index, blob in enumerate(blobs):
            found["/".join(("grad", layer, str(index)))] = blob.diff.copy()
    found["losses"] = np.array(losses(caffe, job, arrays))
    np.savez(job["out"], **found)


def losses(caffe, job, arrays):
    """The loss of the batch before each step and after the last."""
    solver = caffe.get_solver(str(job["solver"]))
    solver.net.copy_from(str(job["weights"]))
    fill(solver.net, arrays)
    found = []
    for _ in range(job["steps"]):
        solver.step(1)
        found.append(float(solver.net.blobs["loss"].data))
    solver.net.forward()
    return found + [float(solver.net.blobs["loss"].data)]


def fill(net, arrays):
    """Puts the batch in."""
    net.blobs["data"].data[...] = arrays["images"]
    net.blobs["label"].data[...] = arrays["labels"]


if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        for todo in json.load(file):
            run(importlib.import_module(sys.argv[1]), todo)
