"""Logs: written as Caffe writes them, read from either."""

from __future__ import annotations

import math
import re

import pytest

from netbuilder.errors import BuildError, DataError
from netbuilder.train.events import (
    Event,
    Finished,
    Iteration,
    Output,
    Progress,
    Snapshot,
    Started,
    Test,
    Testing,
    decode,
)
from netbuilder.train.log import lines, open_log, read

STARTED = Started(0, "tiny", "fixed", 200, engine="caffe", version="1.0.0", python="3.9.2",
                  device="CPU")
RUN: list[Event] = [
    STARTED,
    Testing(0, 0, 0, 5),
    Test(0, 0, (Output("accuracy", 0.125), Output("loss", 2.5, 0.5)), loss=1.25),
    Iteration(0, 2.30259, 0.1, 0.0, 0.25, (Output("loss", 2.5, 1.0), Output("loss", 1e-5, 0.3))),
    Progress(50, 2.0),
    Iteration(100, 1.5, 0.01, 12.5, 8.0, (Output("loss", 1.5, 1.0),)),
    Snapshot(150, "a b_iter_150.caffemodel", "a b_iter_150.solverstate"),
    Iteration(200, 0.75),
    Testing(200, 0, 0, 5),
    Test(200, 0, (Output("accuracy", 1.0), Output("loss", 0.5, 0.5))),
    Finished(200, "max_iter"),
]


def text_of(events: list[Event]) -> str:
    return "".join(lines(event, 100) for event in events)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "log"
    path.write_text(text_of(RUN))
    told = [event for event in RUN if not isinstance(event, (Progress, Testing))]
    told[0] = Started(0, "tiny", "fixed")  # a log does not say the rest
    assert read(path) == told


def test_lines_are_caffes():
    # From a run of `caffe train`; the columns that parsers split at.
    prefix = r"I\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ "
    wanted = [
        r"solver\.cpp:\d+\] Iteration 100 \(12\.5 iter/s, 8s/100 iters\), loss = 1\.5",
        r"solver\.cpp:\d+\]     Train net output #0: loss = 1\.5 \(\* 1 = 1\.5 loss\)",
        r"sgd_solver\.cpp:\d+\] Iteration 100, lr = 0\.01",
    ]
    written = lines(RUN[5], 100).splitlines()
    assert len(written) == 3
    for line, pattern in zip(written, wanted, strict=True):
        assert re.fullmatch(prefix + pattern, line)


def test_people_s_patterns_find_their_figures():
    log = text_of(RUN)
    number = r"([\.\deE+-]+)"  # what Caffe's own tools take for a number
    assert re.findall(rf"Train net output #(\d+): (\S+) = {number}", log) == [
        ("0", "loss", "2.5"), ("1", "loss", "1e-05"), ("0", "loss", "1.5")]
    assert re.findall(rf"Test net output #0: (\S+) = {number}", log) == [
        ("accuracy", "0.125"), ("accuracy", "1")]
    assert re.findall(rf"Iteration (\d+), lr = {number}", log) == [("0", "0.1"), ("100", "0.01")]
    assert log.index("Solving") < log.index("Iteration 0")


def test_a_stopped_and_resumed_run(tmp_path):
    path = tmp_path / "log"
    first = [STARTED, Snapshot(7, "r_iter_7.caffemodel", "r_iter_7.solverstate"),
             Finished(7, "stopped")]
    second = [Started(7, "tiny", "fixed", resumed="r_iter_7.solverstate"), Iteration(8, 1.0)]
    for resume, events in ((False, first), (True, second)):
        with open_log(path, resume) as file:
            file.write(text_of(events).encode())
    assert read(path) == [Started(0, "tiny", "fixed"), *first[1:], *second]


def test_a_new_run_begins_a_new_log(tmp_path):
    (tmp_path / "log").write_text("old")
    open_log(tmp_path / "log", resume=False).close()
    assert (tmp_path / "log").read_text() == ""


def test_foreign_lines_and_broken_ends(tmp_path):
    path = tmp_path / "log"
    path.write_text(
        "I0102 03:04:05.000006    42 net.cpp:257] Network initialization done.\n"
        "name: \"Iteration 3, loss = 4\"\n"
        "I0102 03:04:05.000006    42 solver.cpp:218] Iteration 20, loss = nan\n"  # an older Caffe
        "I20260102 03:04:05.000006    42 solver.cpp:330] Iteration 40, Testing net (#1)\n"
    )
    [event] = read(path)
    assert event.iteration == 20
    assert math.isnan(event.loss)


def test_logs_that_cannot_be(tmp_path):
    with pytest.raises(DataError, match="nowhere: No such file"):
        read(tmp_path / "nowhere")
    with pytest.raises(BuildError, match=r"cannot write the log .*: Is a directory"):
        open_log(tmp_path, resume=False)


@pytest.mark.parametrize("line", [
    "", "Hello", "[]", "3", '{"event": "unheard-of"}', '{"event": "finished"}',
    '{"event": "test", "iteration": 1, "net": 0, "outputs": [[]]}',
])
def test_only_events_are_decoded(line):
    with pytest.raises(ValueError):
        decode(line)
