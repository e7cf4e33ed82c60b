"""What working in place changes in real Caffe: run in its Python, ``inplace_judge.py nets.json``.

The file holds pairs of nets that should compute the same, the second one in place. They end in a
blob "loss" and start from an Input. The last line on stdout is a list of what differs in each
pair: "nothing", "gradient" (of any parameter) or "values" (the loss).
"""

import json
import os
import sys
import tempfile

import caffe
import numpy as np


def run(text):
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt", delete=False) as file:
        file.write("force_backward: true\n" + text)
    caffe.set_random_seed(3)  # fillers
    net = caffe.Net(file.name, caffe.TRAIN)
    os.unlink(file.name)
    values = np.random.RandomState(0)
    for name in net.top_names["in"]:
        net.blobs[name].data[...] = values.randn(*net.blobs[name].data.shape)
    caffe.set_random_seed(5)  # Dropout
    net.forward()
    net.backward()
    return float(net.blobs["loss"].data), [
        blob.diff.copy() for blobs in net.params.values() for blob in blobs]


def close(one, other):
    return np.allclose(one, other, rtol=1e-3, atol=1e-5)


def compare(plain, in_place):
    (loss, gradients), (other, others) = run(plain), run(in_place)
    if not close(loss, other):
        return "values"
    return "nothing" if all(map(close, gradients, others)) else "gradient"


with open(sys.argv[1]) as file:
    print(json.dumps([compare(*pair) for pair in json.load(file)]))
