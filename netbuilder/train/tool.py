"""What Caffe's tool logs as it tests or times a model (``test`` and ``time``, caffe.cpp)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from netbuilder.glog import loss_part
from netbuilder.train.events import Batch, Event, FirstPass, Lap, Scored, Started, Timing
from netbuilder.train.log import Line, glog
from netbuilder.train.model import Model


def lines_of_test(event: Event, model: Model) -> str:
    """The lines of ``caffe test`` at this event."""
    return _lines(_TEST, event, model)


def lines_of_time(event: Event, model: Model) -> str:
    """The lines of ``caffe time`` at this event."""
    return _lines(_TIME, event, model)


_Writers = dict[type, Callable[..., Iterator[Line]]]


def _lines(writers: _Writers, event: Event, model: Model) -> str:
    write = writers.get(type(event), lambda *_: ())
    return "".join(glog(*line) for line in write(event, model))


def _device(model: Model) -> str:
    return "Use CPU." if model.gpu is None else f"Use GPU with device ID {model.gpu}"


def _running(_: Started, model: Model) -> Iterator[Line]:
    yield "caffe.cpp:275", _device(model)
    yield "caffe.cpp:281", f"Running for {model.iterations} iterations."


def _batch(event: Batch, _: Model) -> Iterator[Line]:
    for output in event.outputs:
        yield "caffe.cpp:304", f"Batch {event.iteration}, {output.name} = {output.value:g}"


def _scored(event: Scored, _: Model) -> Iterator[Line]:
    yield "caffe.cpp:309", f"Loss: {event.loss:g}"
    for name, value, weight in event.outputs:
        yield "caffe.cpp:321", f"{name} = {value:g}{loss_part(value, weight)}"


def _performing(_: Started, model: Model) -> Iterator[Line]:
    yield "caffe.cpp:343", _device(model)
    yield "caffe.cpp:351", "Performing Forward"


def _begins(event: FirstPass, model: Model) -> Iterator[Line]:
    yield "caffe.cpp:356", f"Initial loss: {event.loss:g}"
    yield "caffe.cpp:357", "Performing Backward"
    yield "caffe.cpp:365", "*** Benchmark begins ***"
    yield "caffe.cpp:366", f"Testing for {model.iterations} iterations."


def _lap(event: Lap, _: Model) -> Iterator[Line]:
    took = f"{event.milliseconds:g} ms."
    yield "caffe.cpp:394", f"Iteration: {event.iteration} forward-backward time: {took}"


def _timing(event: Timing, _: Model) -> Iterator[Line]:
    yield "caffe.cpp:397", "Average time per layer: "
    for layer in event.layers:
        yield "caffe.cpp:400", f"{layer.name:>10}\tforward: {layer.forward:g} ms."
        yield "caffe.cpp:403", f"{layer.name:>10}\tbackward: {layer.backward:g} ms."
    yield "caffe.cpp:408", f"Average Forward pass: {event.forward:g} ms."
    yield "caffe.cpp:410", f"Average Backward pass: {event.backward:g} ms."
    yield "caffe.cpp:412", f"Average Forward-Backward: {event.total / event.iteration:g} ms."
    yield "caffe.cpp:414", f"Total Time: {event.total:g} ms."
    if event.fast_total is not None:
        yield "netbuilder", (f"In the fast gait: {event.fast_forward:g} ms forward, "
                             f"{event.fast_total:g} ms forward and backward.")
    yield "caffe.cpp:415", "*** Benchmark ends ***"


_TEST: _Writers = {Started: _running, Batch: _batch, Scored: _scored}
_TIME: _Writers = {Started: _performing, FirstPass: _begins, Lap: _lap, Timing: _timing}
