"""The child of a training run: speaks pycaffe's API and nothing else, so it drives any engine.

It is sent to the engine's own Python as text, and talks to the parent by wire.py; see there.

Caffe's own ``Solver::Solve`` says its figures only in its log, rounded. So the solver gets a file
without display, tests and snapshots, and this loop does them, in Caffe's order (solver.cpp).
"""

import collections
import os
import tempfile
import time

import numpy as np

from netbuilder.train.figures import Figures, forward, gait_of, take_fast_gait

HEARTBEAT = 0.25  # seconds between two signs of life


class LossWindow:
    """The losses of the last ``average_loss`` iterations.

    An iteration's loss is the mean over its ``iter_size`` passes; the blobs hold the last pass
    only, so with more than one pass a callback listens to all. Reading a blob may make an engine
    wait for its device: ``wants`` says which iterations a display will need.
    """

    def __init__(self, net, job):
        self.figures, self.display = Figures(net), job["display"]
        self.last = collections.deque(maxlen=job["average_loss"])
        self.passes, self.listening = [], False
        if job["iter_size"] > 1:
            self.end = len(net.layers) - 1
            net.after_forward(self._passed)

    def _passed(self, layer):
        if self.listening and layer == self.end:
            self.passes.append(self.figures.loss())

    def begin(self, iteration):
        """Forget the passes of former iterations, and listen if this one's loss is wanted."""
        self.passes, self.listening = [], self.wants(iteration)

    def wants(self, iteration):
        """Whether a display within the next average_loss iterations needs this one's loss."""
        return bool(self.display) and -iteration % self.display < self.last.maxlen

    def read(self):
        """The loss of the iteration that was just run; that of its last pass if nobody listened."""
        return float(np.mean(self.passes)) if self.passes else self.figures.loss()

    def mean(self):
        """The smoothed loss, as Caffe displays it."""
        return float(np.mean(self.last))


class Training:
    """One run of Caffe's Solver::Solve over a solver that was told to do nothing but steps."""

    def __init__(self, solver, job, emit, requests):
        self.solver, self.job, self.emit, self.requests = solver, job, emit, requests
        self.net, self.test_nets = solver.net, list(solver.test_nets)
        self.losses = LossWindow(self.net, job)
        self.shown = self.beat = time.time()
        self.shown_at = solver.iter
        self.stopped = False

    def solve(self):
        """Trains until max_iter or a stop request; the word that says which it was."""
        while self.solver.iter < self.job["max_iter"] and not self.stopped:
            iteration = self.solver.iter
            if self.due("test_interval") and (iteration or self.job["test_initialization"]):
                self.test_all()
            if not self.stopped:
                self.iterate(iteration)
        if self.job["snapshot_after_train"] and (
                not self.job["snapshot"] or self.solver.iter % self.job["snapshot"]):
            self.snapshot()
        if self.stopped:
            return "stopped"
        self.show_the_end()
        return "max_iter"

    def due(self, field):
        return bool(self.job[field]) and self.solver.iter % self.job[field] == 0

    def iterate(self, iteration):
        display = self.due("display")
        self.losses.begin(iteration)
        self.solver.step(1)
        if self.losses.wants(iteration):
            self.losses.last.append(self.losses.read())
        if display:
            self.show(iteration)
        elif self.heartbeat():
            self.emit(event="progress", iteration=iteration, loss=self.losses.read())
        asked = self.requests()
        if self.due("snapshot") or "snapshot" in asked:
            self.snapshot()
        self.stopped = "stop" in asked

    def show(self, iteration):
        now = time.time()
        seconds = now - self.shown
        self.emit(event="iteration", iteration=iteration, loss=self.losses.mean(),
                  seconds=seconds, speed=(iteration - self.shown_at) / (seconds or 1.0),
                  outputs=self.losses.figures.labelled(self.losses.figures.scores()))
        self.shown, self.shown_at = now, iteration

    def show_the_end(self):
        """The last figures: the weights have changed since, so one more forward pass."""
        if self.due("display"):
            self.losses.begin(self.solver.iter)
            forward(self.net)
            self.losses.last.append(self.losses.read())
            self.emit(event="iteration", iteration=self.solver.iter, loss=self.losses.mean(),
                      seconds=None, speed=None, outputs=[])
        if self.due("test_interval"):
            self.test_all()

    def test_all(self):
        for index in range(len(self.test_nets)):
            if not self.stopped:
                self.test(index)

    def test(self, index):
        """The mean of a test net's outputs over its test_iter batches."""
        net, total = self.test_nets[index], self.job["test_iter"][index]
        self.emit(event="testing", iteration=self.solver.iter, net=index, done=0, total=total)
        if not total:  # Caffe, too, then says no more of this net
            return
        net.share_with(self.net)
        figures, sums, loss = Figures(net), 0, 0.0
        for done in range(total):
            asked = self.requests()
            if "snapshot" in asked:
                self.snapshot()
            if "stop" in asked:
                self.stopped = True
                return
            forward(net)
            sums, loss = sums + figures.scores(), loss + figures.loss()
            if self.heartbeat():
                self.emit(event="testing", iteration=self.solver.iter, net=index,
                          done=done + 1, total=total)
        self.emit(event="test", iteration=self.solver.iter, net=index,
                  loss=loss / total if self.job["test_compute_loss"] else None,
                  outputs=figures.labelled(sums / np.float32(total)))

    def snapshot(self):
        self.solver.snapshot()
        stem = "{}_iter_{}".format(self.job["snapshot_prefix"], self.solver.iter)
        suffix = self.job["snapshot_suffix"]
        self.emit(event="snapshot", iteration=self.solver.iter,
                  model=stem + ".caffemodel" + suffix, state=stem + ".solverstate" + suffix)

    def heartbeat(self):
        now = time.time()
        if now - self.beat < HEARTBEAT:
            return False
        self.beat = now
        return True


def make_solver(caffe, text):
    """The solver of a text. pycaffe reads files only, and this process's /tmp is its own."""
    handle, path = tempfile.mkstemp(suffix=".prototxt")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        return caffe.get_solver(path)
    finally:
        os.remove(path)


def run(caffe, job, emit, requests=lambda: ()):
    """Trains what ``job`` says with a module ``caffe`` that speaks pycaffe.

    ``emit(**event)`` takes the events; ``requests()`` returns the words (``stop``, ``snapshot``)
    that came since it was last asked. Every key of ``job`` is listed in netbuilder/train/job.py.
    """
    take_fast_gait(caffe, job)
    solver = make_solver(caffe, job["solver"])
    training = Training(solver, job, emit, requests)
    for weights in job["weights"]:
        for net in [training.net] + training.test_nets:
            net.copy_from(weights)
    if job["resume"]:
        solver.restore(job["resume"])
    emit(event="started", iteration=solver.iter, gait=gait_of(solver.net))
    training.shown_at = solver.iter
    reason = training.solve()
    emit(event="finished", iteration=solver.iter, reason=reason)
