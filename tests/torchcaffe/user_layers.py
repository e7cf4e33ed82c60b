"""Layers as users write them for pycaffe; in old Pythons too, for real Caffe's."""

import caffe
import numpy as np

EVENTS = []  # what the engine asked of a Watcher


class Watcher(caffe.Layer):
    """Hands its bottoms on, and notes what is asked of it and what it sees."""

    def setup(self, bottom, top):
        self.note("setup", bottom, top)

    def reshape(self, bottom, top):
        self.note("reshape", bottom, top)
        for index in range(len(top)):  # real Caffe's vectors of blobs cannot be iterated
            top[index].reshape(*bottom[index].data.shape)

    def forward(self, bottom, top):
        self.note("forward", bottom, top)
        for index in range(len(top)):
            top[index].data[...] = bottom[index].data

    def backward(self, top, propagate_down, bottom):
        down = [bool(propagate_down[index]) for index in range(len(bottom))]
        self.note(f"backward {down}", bottom, top)
        for index in range(len(bottom)):
            if down[index]:
                bottom[index].diff[...] = 3 * top[index].diff

    def note(self, what, bottom, top):
        EVENTS.append([what, self.phase, self.param_str, self.type, len(self.blobs),
                       [list(bottom[index].shape) for index in range(len(bottom))], len(top)])


class Batches(caffe.Layer):
    """A data layer: batches of as many rows as ``param_str`` says, one number after the other."""

    def setup(self, bottom, top):
        self.sizes = [int(size) for size in self.param_str.split(",")]
        self.done = 0

    def reshape(self, bottom, top):
        rows = self.sizes[self.done % len(self.sizes)]
        top[0].reshape(rows, 3)
        top[1].reshape(rows)

    def forward(self, bottom, top):
        random = np.random.RandomState(self.done)
        top[0].data[...] = random.normal(size=top[0].data.shape)
        top[1].data[...] = (top[0].data[:, 0] > top[0].data[:, 1]) + 0.0
        self.done += 1

    def backward(self, top, propagate_down, bottom):
        raise AssertionError("there is nothing below")


class Gain(caffe.Layer):
    """A learned factor per column, and a learned offset."""

    def setup(self, bottom, top):
        self.blobs.add_blob(bottom[0].shape[1])
        self.blobs.add_blob(1)
        self.blobs[0].data[...] = float(self.param_str)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data * self.blobs[0].data + self.blobs[1].data

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[...] += (top[0].diff * bottom[0].data).sum(0)
        self.blobs[1].diff[...] += top[0].diff.sum()
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff * self.blobs[0].data


class SquaredLoss(caffe.Layer):
    """Half the squared distance of the first column from the label, by rows."""

    def setup(self, bottom, top):
        if len(bottom) != 2:
            raise ValueError(f"two bottoms are needed, not {len(bottom)}")

    def reshape(self, bottom, top):
        self.distance = np.zeros(bottom[1].num, np.float32)
        top[0].reshape(1)

    def forward(self, bottom, top):
        self.distance[...] = bottom[0].data[:, 0] - bottom[1].data
        top[0].data[...] = (self.distance ** 2).sum() / bottom[0].num / 2

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = 0
        bottom[0].diff[:, 0] = top[0].diff[0] * self.distance / bottom[0].num


class Broken(caffe.Layer):
    """Raises KeyError in the method that ``param_str`` names."""

    def setup(self, bottom, top):
        self.ask("setup")

    def reshape(self, bottom, top):
        self.ask("reshape")
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        self.ask("forward")

    def backward(self, top, propagate_down, bottom):
        self.ask("backward")

    def ask(self, method):
        if self.param_str == method:
            raise KeyError(method)


class Lazy(caffe.Layer):
    """Has no backward."""

    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data


class Stranger:
    """Is no caffe.Layer."""

    def __init__(self, param):
        pass
