"""The loop of worker.run, over a module that only counts; engines are tested in test_runner."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable
from typing import Any

import fake_caffe
import numpy as np
import pytest

from netbuilder.train import worker
from netbuilder.train.figures import Figures
from netbuilder.train.runner import TASKS, child_source

JOB = {
    "module": "fake_caffe", "solver": "test_iter: 3", "gpu": None, "weights": [], "resume": None,
    "max_iter": 4, "display": 2, "average_loss": 1, "iter_size": 1, "test_iter": [3],
    "test_interval": 2, "test_initialization": True, "test_compute_loss": False, "snapshot": 3,
    "snapshot_after_train": True, "snapshot_prefix": "s", "snapshot_suffix": "",
}


def run(
    requests: Callable[[], Iterable[str]] = lambda: (), **changes: Any
) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    job = {**JOB, **changes}
    worker.run(fake_caffe, job, lambda **event: events.append(event), requests)
    return [event for event in events if event["event"] != "progress"]


def outline(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(event["event"], event["iteration"]) for event in events]


def after(polls: int, word: str) -> Callable[[], list[str]]:
    """Requests that say the word once, when asked for the ``polls``-th time."""
    count = iter(range(1, 1000))
    return lambda: [word] if next(count) == polls else []


def test_the_order_of_caffes_solve():
    assert outline(run()) == [
        ("started", 0), ("testing", 0), ("test", 0), ("iteration", 0),
        ("testing", 2), ("test", 2), ("iteration", 2), ("snapshot", 3), ("snapshot", 4),
        ("iteration", 4), ("testing", 4), ("test", 4), ("finished", 4),
    ]


def test_no_first_test_no_last_snapshot_no_display():
    events = run(test_initialization=False, snapshot_after_train=False, display=0)
    assert outline(events) == [
        ("started", 0), ("testing", 2), ("test", 2), ("snapshot", 3),
        ("testing", 4), ("test", 4), ("finished", 4),
    ]


def test_a_snapshot_that_was_just_taken_is_not_repeated():
    snapshots = [event for event in run(snapshot=2) if event["event"] == "snapshot"]
    assert [event["model"] for event in snapshots] == ["s_iter_2.caffemodel", "s_iter_4.caffemodel"]


def test_resuming_starts_at_the_state():
    events = run(resume="x_iter_3.solverstate", snapshot_suffix=".h5")
    assert outline(events) == [
        ("started", 3), ("snapshot", 4), ("iteration", 4), ("testing", 4), ("test", 4),
        ("finished", 4),
    ]
    assert events[1]["state"] == "s_iter_4.solverstate.h5"


def test_means_over_the_batches_of_each_test_net():
    tests = [event for event in run(test_compute_loss=True) if event["event"] == "test"]
    accuracies = [event["outputs"][0][1] for event in tests]
    assert accuracies == [1, 4, 7]  # batches 0 1 2, then 3 4 5, then 6 7 8
    loss = np.mean([fake_caffe.loss_of(batch) for batch in range(3)])
    assert tests[0]["loss"] == pytest.approx(loss, rel=1e-6)
    assert tests[0]["outputs"][1] == ["loss", pytest.approx(loss, rel=1e-6), 1.0]


def test_several_test_nets_have_each_their_own_length():
    events = run(solver="test_iter: 2 test_iter: 4", test_iter=[2, 4], test_interval=4)
    tests = [event for event in events if event["event"] == "test"]
    assert [(event["net"], event["outputs"][0][1]) for event in tests] == [
        (0, 0.5), (1, 1.5), (0, 2.5), (1, 5.5)]


def test_a_test_net_without_batches_says_nothing():
    events = run(solver="test_iter: 0", test_iter=[0], test_compute_loss=True)
    assert "test" not in {event["event"] for event in events}
    assert outline(events)[-1] == ("finished", 4)


def caffes_smoothed_losses(job: dict[str, Any], start: int) -> dict[int, float]:
    """Solver::UpdateSmoothedLoss, as it stands there, over all displayed iterations."""
    window, smoothed, shown, average = [], 0.0, {}, job["average_loss"]
    for iteration in range(start, job["max_iter"] + 1):
        last = iteration == job["max_iter"]
        first = (iteration - start) * job["iter_size"]
        passes = range(first, first + (1 if last else job["iter_size"]))
        loss = sum(map(fake_caffe.loss_of, passes)) / len(passes)
        if len(window) < average:
            window.append(loss)
            smoothed = (smoothed * (len(window) - 1) + loss) / len(window)
        else:
            index = (iteration - start) % average
            smoothed += (loss - window[index]) / average
            window[index] = loss
        if iteration % job["display"] == 0:
            shown[iteration] = smoothed
    return shown


@pytest.mark.parametrize("display", [1, 2, 5, 7])
@pytest.mark.parametrize("average_loss", [1, 3, 5, 40])
@pytest.mark.parametrize("iter_size", [1, 3])
@pytest.mark.parametrize("start", [0, 4])
def test_smoothed_loss(display, average_loss, iter_size, start):
    changes = {
        "display": display, "average_loss": average_loss, "iter_size": iter_size, "max_iter": 20,
        "solver": f"iter_size: {iter_size}", "test_interval": 0, "test_iter": [],
        "resume": f"_iter_{start}." if start else None,
    }
    events = run(**changes)
    losses = {e["iteration"]: e["loss"] for e in events if e["event"] == "iteration"}
    assert losses == pytest.approx(caffes_smoothed_losses({**JOB, **changes}, start), rel=1e-6)


def test_a_loss_that_nobody_will_see_is_not_read(monkeypatch):
    read, loss = [], Figures.loss
    monkeypatch.setattr(worker, "HEARTBEAT", 1e9)
    monkeypatch.setattr(Figures, "loss", lambda figures: read.append(1) or loss(figures))
    run(display=5, average_loss=2, iter_size=3, solver="iter_size: 3", max_iter=10,
        test_interval=0, test_iter=[])
    # Iterations 0, 4, 5 and 9 with their three passes, and the one pass at the end.
    assert len(read) == 4 * 3 + 1


def test_stop_between_iterations():
    # Test batches ask too: 3 of them come first.
    events = run(after(4, "stop"))
    assert outline(events)[-3:] == [("iteration", 0), ("snapshot", 1), ("finished", 1)]
    assert events[-1]["reason"] == "stopped"


def test_stop_where_a_snapshot_was_due_takes_one():
    events = run(after(1, "stop"), snapshot=1, test_interval=0)
    assert outline(events)[-2:] == [("snapshot", 1), ("finished", 1)]
    assert outline(events).count(("snapshot", 1)) == 1


def test_stop_while_testing_ends_without_that_test():
    events = run(after(6, "stop"))
    assert outline(events)[-3:] == [("testing", 2), ("snapshot", 2), ("finished", 2)]


def test_a_snapshot_on_request_goes_on():
    events = run(after(4, "snapshot"))
    assert ("snapshot", 1) in outline(events)
    assert outline(events)[-1] == ("finished", 4)


def test_weights_go_into_every_net(monkeypatch):
    seen = []
    monkeypatch.setattr(fake_caffe.Net, "copy_from", lambda net, path: seen.append(path))
    run(weights=["a", "b"])
    assert seen == ["a", "a", "b", "b"]


@pytest.mark.parametrize("task", TASKS)
def test_the_child_runs_in_an_old_python_without_us(task):
    tree = ast.parse(child_source(task), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import)
                for alias in node.names}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert imported - set(sys.stdlib_module_names) == {"numpy"}


def test_losses_of_one_name_all_count():
    net = fake_caffe.Net({"loss": 1.0})
    net._blobs.append(fake_caffe.Blob(5, 7))  # as losses without a top are: nameless, weighted
    net._blob_names.append("(automatic)")
    net._blob_loss_weights.append(0.5)
    net._forward(0, 1)
    assert Figures(net).loss() == pytest.approx(fake_caffe.loss_of(0) + 6)
