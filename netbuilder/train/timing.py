"""The child of ``netbuilder time``: how long each layer's two passes take (``time``, caffe.cpp).

Sent to the engine's own Python as text; see wire.py. Times are in milliseconds. Layers are timed
one by one, so in the gait that has them; an engine that also has a fast gait is timed in that, too.
"""

import time

from netbuilder.train.scoring import make_net


def run(caffe, job, emit, _requests=None):
    """Times the model that ``job`` names; its keys are listed in netbuilder/train/model.py."""
    net = make_net(caffe, job, **({"bf16": True} if job["bf16"] else {}))
    wait = getattr(caffe, "synchronize", lambda: None)
    emit(event="started", iteration=0, gait="inspectable" if hasattr(caffe, "Gait") else "")
    loss = sum(float(net._forward(index, index)) for index in range(len(net.layers)))
    backward(net)
    wait()
    emit(event="first_pass", iteration=0, loss=loss)
    layers = Layers(net, wait)
    for iteration in range(job["iterations"]):
        emit(event="lap", iteration=iteration + 1, milliseconds=layers.lap())
    emit(event="timing", **layers.averages(), **fast_gait(caffe, net, wait, layers.laps))


def backward(net):
    """One whole backward pass."""
    net._backward(len(net.layers) - 1, 0)


class Clock:
    """Milliseconds since it was last looked at, the device's work included."""

    def __init__(self, wait):
        self.wait = wait
        self.look()

    def look(self):
        """The milliseconds since the last look."""
        self.wait()
        before, self.then = getattr(self, "then", 0.0), time.perf_counter()
        return 1000 * (self.then - before)


class Layers:
    """Laps over all layers, forward and backward, and what each layer took."""

    def __init__(self, net, wait):
        self.net, self.wait, self.laps = net, wait, 0
        self.count = len(net.layers)
        self.forward, self.backward = [0.0] * self.count, [0.0] * self.count
        self.total = 0.0

    def lap(self):
        """One pass forward and back; what it took."""
        lap, layer = Clock(self.wait), Clock(self.wait)
        for index in range(self.count):
            self.net._forward(index, index)
            self.forward[index] += layer.look()
        for index in reversed(range(self.count)):
            self.net._backward(index, index)
            self.backward[index] += layer.look()
        self.laps += 1
        took = lap.look()
        self.total += took
        return took

    def averages(self):
        """The means over all laps: [name, type, forward, backward] of each layer, and the whole."""
        return {
            "iteration": self.laps, "total": self.total,
            "layers": [[name, self.net.layers[i].type, self.forward[i] / self.laps,
                        self.backward[i] / self.laps]
                       for i, name in enumerate(self.net._layer_names)],
        }


def fast_gait(caffe, net, wait, laps):
    """The means of the same passes in the engine's fast gait, nothing where there is none."""
    fast = caffe.Gait.FAST if hasattr(caffe, "Gait") else None
    if fast is None or net.gait(False) != fast:
        return {}
    return {"fast_forward": mean(lambda: net.test_pass(fast), wait, laps),
            "fast_total": mean(lambda: net.train_pass(fast), wait, laps)}


def mean(act, wait, laps):
    """What an act takes on average, once it has been done before."""
    act()
    clock = Clock(wait)
    for _ in range(laps):
        act()
    return clock.look() / laps
