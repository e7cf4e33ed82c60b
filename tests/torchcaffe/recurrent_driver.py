"""An LSTM whose batch grows and shrinks, in either engine; in old Pythons too."""

import importlib
import sys
import tempfile

import numpy as np

STREAMS = (2, 1, 2, 4, 1, 3, 4, 2, 2)


def inputs(marks=""):
    """x, and the marks: an input, or what ``marks`` makes of the input "given"."""
    name = "given" if marks else "cont"
    return "".join(
        f'layer {{ name: "{top}" type: "Input" top: "{top}" '
        f"input_param {{ shape {{ {shape} }} }} }}\n"
        for top, shape in (("x", "dim: 3 dim: 2 dim: 4"), (name, "dim: 3 dim: 2"))
    ) + marks


def layer(fields="", rest=""):
    return ('layer { name: "layer" type: "LSTM" bottom: "x" bottom: "cont" top: "top" '
            f"recurrent_param {{ num_output: 3 {fields} }} {rest} }}\n")


def run(caffe, out):
    """Writes the top of a pass for each number of streams; marks never begin a sequence."""
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
        file.write(inputs() + layer())
        file.flush()
        net = caffe.Net(file.name, caffe.TRAIN)
    random = np.random.RandomState(6)
    for blob in net.params["layer"]:
        blob.data[...] = random.normal(size=blob.data.shape)
    tops = {}
    for index, streams in enumerate(STREAMS):
        net.blobs["x"].reshape(3, streams, 4)
        net.blobs["cont"].reshape(3, streams)
        net.reshape()
        net.blobs["x"].data[...] = 0.3
        net.blobs["cont"].data[...] = 1
        net.forward()
        tops[str(index)] = net.blobs["top"].data.copy()
    np.savez(out, **tops)


if __name__ == "__main__":
    run(importlib.import_module(sys.argv[1]), sys.argv[2])
