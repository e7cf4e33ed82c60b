"""What a place truly depends on: run in real Caffe's Python, ``caffe_reach.py nets.json``.

The file holds a list of prototxt texts with force_backward, with an image "data" and a last layer
"top" that makes "top". A diff of 1 is sent back from single places of that. The last line on
stdout is a list with, for each net, [axis, place, lowest, highest pixel] for each place along the
middle row and the middle column that depends on any pixel.
"""

import json
import sys
import tempfile

import caffe
import numpy as np


def reads(net, axis):
    image, top = net.blobs["data"], net.blobs["top"]
    for at in range(top.shape[axis]):
        place = [at if each == axis else top.shape[each] // 2 for each in (2, 3)]
        top.diff[...] = 0
        top.diff[(slice(None), slice(None), *place)] = 1
        net.backward(start="top")
        found = np.nonzero(np.abs(image.diff).sum(tuple({0, 1, 2, 3} - {axis})))[0]
        if found.size:
            yield [axis, at, int(found[0]), int(found[-1])]


def answer(path, text):
    with open(path, "w") as file:
        file.write(text)
    net = caffe.Net(path, caffe.TEST)
    image = net.blobs["data"]
    image.data[...] = np.random.RandomState(0).uniform(1, 2, image.data.shape)
    net.forward()
    return [row for axis in (2, 3) for row in reads(net, axis)]


with open(sys.argv[1]) as file, tempfile.TemporaryDirectory() as folder:
    print(json.dumps([answer(folder + "/net.prototxt", text) for text in json.load(file)]))
