"""Runs nets with weights in real Caffe, in old Pythons too: what TEST makes of given inputs.

``pairs_driver.py jobs.json``: a list of {net, weights, inputs, out}; inputs and out are .npz.
"""

import json
import sys


def run(caffe, np, job):
    net = caffe.Net(str(job["net"]), str(job["weights"]), caffe.TEST)
    for name, array in np.load(job["inputs"]).items():
        net.blobs[name].data[...] = array
    net.forward()
    np.savez(job["out"], **{name: net.blobs[name].data for name in net.outputs})


if __name__ == "__main__":
    import caffe
    import numpy as np

    with open(sys.argv[1]) as file:
        for todo in json.load(file):
            run(caffe, np, todo)
