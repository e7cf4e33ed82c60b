"""Real Caffe judges nets: run in its own Python, ``caffe_judge.py nets.json``.

The file holds a list of [prototxt text, phase number, level, stages]; the last two may lack. The
last line on stdout is a list with one entry per net: {"blobs": {name: shape}, "params":
{layer: [shape]}, "layers": [name], "outputs": [name]}, or {"refused": last words}.
"""

import json
import sys
import tempfile

import caffe
from fork_judge import judged


def load(path, text, phase, level=0, stages=()):
    with open(path, "w") as file:
        file.write(text)
    net = caffe.Net(path, phase, level=level, stages=list(stages))
    return {
        "blobs": {name: list(blob.shape) for name, blob in net.blobs.items()},
        "params": {name: [list(blob.shape) for blob in blobs]
                   for name, blobs in net.params.items()},
        "layers": list(net._layer_names),
        "outputs": list(net.outputs),
    }


with open(sys.argv[1]) as file, tempfile.TemporaryDirectory() as folder:
    print(json.dumps([judged(load, folder + "/net.prototxt", *net) for net in json.load(file)]))
