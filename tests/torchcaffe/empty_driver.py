"""How far real Caffe comes with each net: ``empty_driver.py nets.json``, in its own Python."""

import json
import os
import sys
import tempfile

import caffe

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fork_judge import judged


def load(path, text):
    with open(path, "w") as file:
        file.write(text)
    return caffe.Net(path, caffe.TRAIN)


def stages(path, text):
    """The stages that a net lives through: loaded, run, its last blob read, run
    with a batch that has become empty."""
    loaded = judged(lambda: bool(load(path, text)))
    run = judged(lambda: bool(run_all(load(path, text))))
    read = judged(lambda: last(load(path, text)).data.size)
    shrunk = judged(lambda: bool(run_all(shrink(load(path, text)))))
    return [not isinstance(answer, dict) for answer in (loaded, run, read, shrunk)]


def shrink(net):
    """The batch to nothing, where there was one."""
    for name in net.inputs:
        net.blobs[name].reshape(0, *list(net.blobs[name].shape)[1:])
    net.reshape()
    return net


def run_all(net):
    net._forward(0, len(net.layers) - 1)
    return net


def last(net):
    return list(net.blobs.values())[-1]


with open(sys.argv[1]) as file, tempfile.TemporaryDirectory() as folder:
    print(json.dumps([stages(folder + "/net.prototxt", text) for text in json.load(file)]))
