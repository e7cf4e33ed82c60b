"""The parent: the same contract for a fake engine, the embedded one and real Caffe."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import NET, write_run

from netbuilder import weights
from netbuilder.errors import CaffeCrashed, EngineError
from netbuilder.proto import caffe_pb2, text
from netbuilder.train import job
from netbuilder.train.engines import Engine, find_engine
from netbuilder.train.events import Event, Finished, Iteration, Snapshot, Started, Test
from netbuilder.train.log import read
from netbuilder.train.runner import Run

HERE = str(Path(__file__).parent)
FAKE = Engine("caffe", (sys.executable,), "fake_caffe", {"PYTHONPATH": HERE})


TRAINERS = [
    pytest.param("torchcaffe", marks=pytest.mark.torch),
    pytest.param("caffe", marks=pytest.mark.caffe),
]


@pytest.fixture(params=["fake", *TRAINERS])
def engine(request) -> Engine:
    """Whatever speaks pycaffe."""
    return FAKE if request.param == "fake" else find(request)


@pytest.fixture(params=TRAINERS)
def trainer(request) -> Engine:
    """What really trains."""
    return find(request)


def find(request: pytest.FixtureRequest) -> Engine:
    if request.param == "caffe":
        return request.getfixturevalue("real_caffe")
    pytest.importorskip("torch")
    return find_engine("torchcaffe")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # nets this small gain nothing
        monkeypatch.setenv(variable, "1")
    return tmp_path


def train(engine: Engine, solver: Path, log: str = "log", **flags) -> list[Event]:
    with Run(engine, job.load(solver, **flags), Path(log)) as run:
        return list(run)


def outline(events: list[Event]) -> list[tuple[str, int]]:
    names = [(type(event).__name__, event.iteration) for event in events]
    return [(name, number) for name, number in names if name not in ("Progress", "Testing")]


def test_events_in_caffes_order(engine, here):
    events = train(engine, write_run(here))
    assert outline(events) == [
        ("Started", 0), ("Test", 0), ("Iteration", 0), ("Iteration", 2), ("Test", 4),
        ("Iteration", 4), ("Snapshot", 5), ("Iteration", 6), ("Test", 8), ("Iteration", 8),
        ("Snapshot", 10), ("Iteration", 10), ("Snapshot", 12), ("Iteration", 12), ("Test", 12),
        ("Finished", 12),
    ]
    start = events[0]
    assert (start.net, start.max_iter, start.lr_policy) == ("tiny", 12, "multistep")
    assert (start.device, start.version) == ("CPU", start.version or "a version")
    rates = {event.iteration: event.lr for event in events if isinstance(event, Iteration)}
    assert rates == {0: 0.5, 2: 0.5, 4: 0.5, 6: 0.5, 8: 0.25, 10: 0.25, 12: None}


@pytest.mark.parametrize(("format_", "suffix"), [("BINARYPROTO", ""), ("HDF5", ".h5")])
def test_snapshots_are_the_files_named(trainer, here, format_, suffix):
    solver = write_run(here, snapshot_format=format_, max_iter=6)
    snapshots = [event for event in train(trainer, solver) if isinstance(event, Snapshot)]
    assert [event.model for event in snapshots] == [
        f"run_iter_5.caffemodel{suffix}", f"run_iter_6.caffemodel{suffix}"]
    assert all(Path(e.model).is_file() and Path(e.state).is_file() for e in snapshots)


def test_the_log_tells_the_same_story(engine, here):
    events = [event for event in train(engine, write_run(here)) if hasattr(event, "outputs")]
    told = [event for event in read("log") if hasattr(event, "outputs")]
    assert [(type(e), e.iteration) for e in told] == [(type(e), e.iteration) for e in events]
    for one, other in zip(told, events, strict=True):
        assert [o.name for o in one.outputs] == [o.name for o in other.outputs]
        assert [o.value for o in one.outputs] == pytest.approx(
            [o.value for o in other.outputs], rel=1e-5)
        if isinstance(one, Iteration):
            assert one.loss == pytest.approx(other.loss, rel=1e-5)
            assert one.lr == (other.lr and pytest.approx(other.lr, rel=1e-5))


@pytest.mark.parametrize("format_", ["BINARYPROTO", "HDF5"])
def test_the_log_names_snapshots(here, format_):
    solver = write_run(here, snapshot_format=format_)
    snapshots = [event for event in train(FAKE, solver) if isinstance(event, Snapshot)]
    assert [e for e in read("log") if isinstance(e, Snapshot)] == snapshots


@pytest.mark.parametrize(("format_", "suffix"), [("BINARYPROTO", ""), ("HDF5", ".h5")])
def test_a_run_resumed_continues_as_if_never_stopped(trainer, here, format_, suffix):
    # A snapshot holds no position in the data: batches of all 40 images make every one alike.
    net = NET.replace("batch_size: 8", "batch_size: 40")
    solver = write_run(here, network=net, average_loss=1, display=1, snapshot_format=format_)
    whole = [e for e in train(trainer, solver) if isinstance(e, (Iteration, Test))]
    state = f"run_iter_5.solverstate{suffix}"
    again = train(trainer, solver, snapshot=state)
    assert again[0] == replace(again[0], iteration=5, resumed=state)
    rest = [event for event in again if isinstance(event, (Iteration, Test))]
    expected = [event for event in whole if event.iteration >= 5]
    assert [e.iteration for e in rest] == [e.iteration for e in expected]
    losses = [[e.loss for e in run if isinstance(e, Iteration)] for run in (rest, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert len([e for e in read("log") if isinstance(e, Started)]) == 2  # the log goes on


@pytest.mark.parametrize(("format_", "suffix"), [("BINARYPROTO", ""), ("HDF5", ".h5")])
def test_weights_start_the_net(trainer, here, format_, suffix):
    solver = write_run(here, snapshot_format=format_)
    last = train(trainer, solver)[-2]
    first = train(trainer, solver, weights=[f"run_iter_12.caffemodel{suffix}"])[2]
    assert isinstance(first, Test)
    assert [o.value for o in first.outputs] == pytest.approx([o.value for o in last.outputs])


def test_stop_takes_a_snapshot_and_ends(engine, here):
    with Run(engine, job.load(write_run(here, max_iter=10**6)), Path("log")) as run:
        events = []
        for event in run:
            events.append(event)
            if isinstance(event, Iteration) and event.iteration == 20:
                run.ask("stop")
    end = events[-1]
    assert isinstance(end, Finished) and end.reason == "stopped" and end.iteration > 20
    last = [event for event in events if isinstance(event, Snapshot)][-1]
    assert last.iteration == end.iteration
    assert "Optimization stopped early." in Path("log").read_text()


def test_a_snapshot_on_request_and_on_it_goes(engine, here):
    solver = write_run(here, max_iter=10**6, snapshot=0, snapshot_after_train="false")
    snapshots = []
    with Run(engine, job.load(solver), Path("log")) as run:
        for event in run:
            if isinstance(event, Snapshot):
                snapshots.append(event.iteration)
            elif isinstance(event, Iteration) and event.iteration == 20:
                run.ask("snapshot")
            elif isinstance(event, Iteration) and snapshots:
                run.ask("stop")
    assert len(snapshots) == 1
    assert 20 < snapshots[0] < event.iteration


@pytest.mark.caffe
@pytest.mark.parametrize("changes", [
    {}, {"iter_size": 2}, {"type": '"Adam"', "momentum2": 0.999, "delta": 1e-8, "base_lr": 0.01},
    {"test_initialization": "false", "test_compute_loss": "true", "snapshot": 4},
    {"lr_policy": '"poly"', "power": 0.7, "display": 3, "average_loss": 1, "max_iter": 10},
])
def test_same_figures_as_the_caffe_tool(real_caffe, caffe_tool, here, changes):
    solver = write_run(here, **changes)
    Path("tool.log").write_text(caffe_tool("train", "-solver", solver))
    wanted = {path.name: path.read_bytes() for path in here.glob("run_iter_*")}
    for name in wanted:
        Path(name).unlink()
    train(real_caffe, solver)
    texts, losses = figures("log")
    tool_texts, tool_losses = figures("tool.log")
    assert texts == tool_texts
    # Caffe's running mean gathers float32 rounding: the last of its six digits may differ by one.
    assert losses == pytest.approx(tool_losses, rel=1e-5)
    assert outline(read("log")) == outline(read("tool.log"))
    assert {path.name: path.read_bytes() for path in here.glob("run_iter_*")} == wanted


# The second loss and the third have no top: both are blobs of the name "(automatic)".
LOSSES = NET + """
layer { name: "more" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" loss_weight: 0.5 }
layer { name: "most" type: "EuclideanLoss" bottom: "ip" bottom: "ip" loss_weight: 3 }
layer { name: "sum" type: "Reduction" bottom: "ip" top: "sum" loss_weight: 0.25 }
"""


@pytest.mark.caffe
@pytest.mark.parametrize("changes", [{}, {"iter_size": 3, "average_loss": 1}])
def test_losses_without_a_top_all_count(trainer, caffe_tool, here, changes):
    changes = {"lr_policy": '"fixed"', "base_lr": 0, "test_compute_loss": "true", "display": 1,
               "weights": '"start.caffemodel"', "snapshot_after_train": "false", **changes}
    tool_solver = write_run(here, network=LOSSES, **changes, max_iter=6, snapshot=0)
    random = np.random.default_rng(3)
    layer = text.parse('name: "ip" type: "InnerProduct"', caffe_pb2.LayerParameter())
    arrays = [random.normal(size=shape).astype("float32") for shape in ((3, 16), (3,))]
    weights.write_weights("start.caffemodel", "tiny", [(layer, arrays)])
    Path("tool.log").write_text(caffe_tool("train", "-solver", tool_solver))
    train(trainer, tool_solver)
    mine, tools = (read(name) for name in ("log", "tool.log"))
    for kind in (Iteration, Test):
        losses = [[e.loss for e in log if isinstance(e, kind)] for log in (mine, tools)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)
        assert len(losses[0]) > 1


def figures(log: str) -> tuple[list[str], list[float]]:
    """What a log says without times: all lines of outputs, tests and rates; smoothed losses."""
    lines = re.findall(r"\] ( *(?:Iteration|Train net|Test net|Test loss).*)",
                       Path(log).read_text())
    smoothed = re.compile(r"(Iteration \d+)(?: \(.* iters\))?, loss = (.*)")
    losses = [float(match[2]) for line in lines if (match := smoothed.match(line))]
    return [smoothed.sub(r"\1", line) for line in lines], losses


@pytest.mark.caffe
def test_a_failed_check_carries_its_last_words(real_caffe, here):
    solver = write_run(here, network=NET.replace("scale:", "mean_value: [1, 2] scale:"))
    with pytest.raises(CaffeCrashed, match=r"SIGABRT.*mean_value.*log: log.engine.log"):
        train(real_caffe, solver)


@pytest.mark.caffe
def test_a_missing_layer_type_in_real_caffe(real_caffe, here):
    solver = write_run(here, network=NET.replace("InnerProduct", "OuterProduct"))
    with pytest.raises(CaffeCrashed, match="Unknown layer type: OuterProduct"):
        train(real_caffe, solver)


def test_death_in_the_middle(here, monkeypatch):
    monkeypatch.setenv("FAKE_ABORT_AT", "7")
    events = []
    with (pytest.raises(CaffeCrashed, match=r"SIGABRT\): fake.cpp:7\] Check failed: 2 > 3"),
          Run(FAKE, job.load(write_run(here)), Path("log")) as run):
        events.extend(run)
    assert outline(events)[-1] == ("Iteration", 6)


def test_the_last_words_are_of_this_run(here, monkeypatch):
    solver = write_run(here)
    Path("log.engine.log").write_text("F1120 11:57:35.751462 16059 net.cpp:1] an older run\n")
    Path("run_iter_5.solverstate").touch()
    monkeypatch.setenv("FAKE_ABORT_AT", "7")
    with pytest.raises(CaffeCrashed) as caught:
        train(FAKE, solver, snapshot="run_iter_5.solverstate")
    assert "older run" not in str(caught.value)
    assert "older run" in Path("log.engine.log").read_text()


def test_an_exception_of_the_engine_is_one_line(here, monkeypatch):
    monkeypatch.setenv("FAKE_RAISE_AT", "3")
    words = r"^ValueError: layer ip: 3 is not 4 \(log: log.engine.log\)$"
    with pytest.raises(EngineError, match=words):
        train(FAKE, write_run(here))
    assert "Traceback" in Path("log.engine.log").read_text()


def test_an_engine_that_is_not_there(here):
    with pytest.raises(EngineError, match="ModuleNotFoundError: No module named 'absent'"):
        train(replace(FAKE, module="absent"), write_run(here))


def test_what_an_engine_prints_is_in_the_log(here):
    train(FAKE, write_run(here))
    assert "chatter of an engine" in Path("log.engine.log").read_text()


def test_leaving_early_ends_the_child(here, monkeypatch):
    monkeypatch.setenv("FAKE_SECONDS", "100")
    with Run(FAKE, job.load(write_run(here)), Path("log")) as run:
        next(iter(run))
    assert run.child.returncode == -signal.SIGKILL


ORPHAN = """
import sys
from pathlib import Path
from netbuilder.train import job
from netbuilder.train.engines import Engine
from netbuilder.train.runner import Run
engine = Engine("caffe", (sys.executable,), "fake_caffe", {"PYTHONPATH": sys.argv[1]})
with Run(engine, job.load("solver.prototxt"), Path("log")) as run:
    for event in run:
        print(run.child.pid, flush=True)
"""


def test_no_orphan_when_the_parent_is_killed(here, monkeypatch):
    monkeypatch.setenv("FAKE_SECONDS", "0.01")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((*sys.path, HERE)))
    write_run(here, max_iter=10**6, display=0, test_iter=None, snapshot=0)
    with subprocess.Popen([sys.executable, "-c", ORPHAN, HERE], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
