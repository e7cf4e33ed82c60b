"""What the child of a run reads off a net. Sent to the engine's own Python; see wire.py."""

import numpy as np


def take_fast_gait(caffe, job):
    """Says that only outputs will be looked at, to an engine that makes use of it."""
    if hasattr(caffe, "set_mode_fast"):
        caffe.set_mode_fast(job["bf16"])


def gait_of(net):
    """How an engine with several gaits will run this net; empty for one that has a single one."""
    return net.gait(True).value if hasattr(net, "gait") else ""


class Figures:
    """What a net's blobs say after a forward pass."""

    def __init__(self, net):
        self.net, self.outputs = net, list(net.outputs)
        self.weights = dict(net.blob_loss_weights)
        # Not by name: several losses without a top are all called "(automatic)".
        pairs = zip(net._blobs, net._blob_loss_weights)  # noqa: B905 (an old Python's has no strict)
        self.weighted = [(blob, weight) for blob, weight in pairs if weight]

    def loss(self):
        """The sum of all tops that have a loss weight, outputs or not."""
        return float(sum(weight * np.sum(blob.data) for blob, weight in self.weighted))

    def scores(self):
        """All numbers of the output blobs, flat, in the order in which Caffe counts them."""
        blobs = [np.ravel(self.net.blobs[name].data) for name in self.outputs]
        return np.concatenate([np.zeros(0, np.float32)] + blobs)

    def labelled(self, scores):
        """[blob name, value, loss weight] of each score."""
        names = [name for name in self.outputs for _ in range(self.net.blobs[name].data.size)]
        pairs = zip(names, scores)  # noqa: B905 (an old Python's zip has no strict)
        return [[n, float(value), float(self.weights[n])] for n, value in pairs]
