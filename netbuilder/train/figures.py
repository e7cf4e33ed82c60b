"""What the child of a run reads off a net. Sent to the engine's own Python; see wire.py."""

import numpy as np


def take_fast_gait(caffe, job):
    """Says that only outputs will be looked at, to an engine that makes use of it."""
    if hasattr(caffe, "set_mode_fast"):
        caffe.set_mode_fast(job["bf16"])


def gait_of(net):
    """How an engine with several gaits will run this net; empty for one that has a single one."""
    return net.gait(True).value if hasattr(net, "gait") else ""


def forward(net):
    """One forward pass of the whole net.

    pycaffe's own ``forward`` looks its outputs up by name, and fails where losses share a name.
    """
    if hasattr(net, "gait"):
        net.forward()
    else:
        net._forward(0, len(net.layers) - 1)


class Figures:
    """What a net's blobs say after a forward pass.

    All by place, not by name: losses without a top are all called "(automatic)".
    """

    def __init__(self, net):
        names, blobs, weights = list(net._blob_names), list(net._blobs), net._blob_loss_weights
        self.outputs = [(names[i], blobs[i], float(weights[i])) for i in net._outputs]
        self.weighted = [(blobs[i], weight) for i, weight in enumerate(weights) if weight]

    def loss(self):
        """The sum of all tops that have a loss weight, outputs or not."""
        return float(sum(weight * np.sum(blob.data) for blob, weight in self.weighted))

    def scores(self):
        """All numbers of the output blobs, flat, in the order in which Caffe counts them."""
        blobs = [np.ravel(blob.data) for _, blob, _ in self.outputs]
        return np.concatenate([np.zeros(0, np.float32)] + blobs)

    def labelled(self, scores):
        """[blob name, value, loss weight] of each score."""
        owners = [(name, weight) for name, blob, weight in self.outputs
                  for _ in range(blob.data.size)]
        pairs = zip(owners, scores)  # noqa: B905 (an old Python's zip has no strict)
        return [[name, float(value), weight] for (name, weight), value in pairs]
