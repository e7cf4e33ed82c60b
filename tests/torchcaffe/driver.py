"""Trains nets through pycaffe's API, in either engine; in Python 3.6's syntax, for real Caffe's."""

import json
import sys

import numpy as np


def drive(caffe, jobs):
    """Runs each job: a solver file, where to start, how many steps, where the figures go."""
    for job in jobs:
        solver = caffe.get_solver(job["solver"])
        if "weights" in job:
            solver.net.copy_from(job["weights"])
        if "restore" in job:
            solver.restore(job["restore"])
        if "arrays" in job:
            arrays = dict(np.load(job["arrays"]))  # real Caffe keeps but pointers into them
            solver.net.set_input_arrays(arrays["images"], arrays["labels"])
        losses = []
        stride = job.get("stride", 1)
        for _ in range(job["steps"] // stride):
            solver.step(stride)
            losses.append(float(solver.net.blobs["loss"].data))
        found = {"loss": losses, "iter": solver.iter, "lr": solver.lr}
        for name, blobs in solver.net.params.items():
            for index, blob in enumerate(blobs):
                found[f"{name}/{index}"] = np.array(blob.data)
                found[f"{name}/{index}.diff"] = np.array(blob.diff)
        np.savez(job["out"], **found)
        if job.get("snapshot"):
            solver.snapshot()


def score(caffe, model, weights, batches):
    """The mean accuracy and loss of a net in the phase TEST."""
    net = caffe.Net(model, caffe.TEST, weights=weights)
    rows = []
    for _ in range(batches):
        out = net.forward()
        rows.append([float(out["accuracy"]), float(out["loss"])])
    return np.mean(rows, axis=0).tolist()


if __name__ == "__main__":
    import caffe

    text = sys.argv[1]
    if text.startswith("@"):  # a file's name
        with open(text[1:]) as file:
            text = file.read()
    order = json.loads(text)
    drive(caffe, order["jobs"])
    print(json.dumps([score(caffe, *arguments) for arguments in order.get("scores", [])]))
