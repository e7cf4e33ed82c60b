"""Speed of the engine: ResNet-50, batch 8, forward and backward, side by side with others.

    python benchmarks/engine.py [--rounds 10] [--batch 8] [--threads 2] [--gpu] [--no-caffe]

Every round times each contestant once, in an order of its own: so neither a busy machine nor what
another one left in caches and memory disturbs one more than the others. The hand-written net is
resnet_torch.py; real Caffe runs in a process of its own with as many threads. A training step of
the engine is a pass and SGD's update, as ``Solver.step`` does them.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from resnet_torch import resnet50

import netbuilder.torchcaffe as caffe
from netbuilder.errors import EngineNotFound
from netbuilder.nets.resnet import resnet
from netbuilder.proto import caffe_pb2, io
from netbuilder.train.engines import find_engine

Contestant = Callable[[], float]


def network(batch: int, folder: str) -> str:
    """ResNet-50 with Input layers for images and labels, as a file."""
    net = resnet(main_branch="bottleneck", blocks=(3, 4, 6, 3)).to_proto()
    net.layer[0].input_param.shape[0].dim[0] = batch
    label = caffe_pb2.LayerParameter(name="label", type="Input", top=["label"])
    label.input_param.shape.add(dim=[batch])
    last = net.layer[-1].top[0]
    loss = caffe_pb2.LayerParameter(name="loss", type="SoftmaxWithLoss", bottom=[last, "label"],
                                    top=["loss"])
    layers = [net.layer[0], label, *net.layer[1:], loss]
    path = os.path.join(folder, "net.prototxt")
    io.write_text(path, caffe_pb2.NetParameter(name="ResNet-50", layer=layers))
    return path


def timed(run: Callable[[], object], device: torch.device) -> Contestant:
    """``run`` as a contestant: it gives its seconds."""
    def once() -> float:
        begin = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - begin

    return once


def by_hand(batch: int, device: torch.device, layout: torch.memory_format,
            half: bool = False, bias: bool = False) -> Contestant:
    """The hand-written net."""
    model = resnet50(bias).to(device, memory_format=layout)
    images = torch.full((batch, 3, 224, 224), 0.5, device=device).to(memory_format=layout)
    labels = torch.zeros(batch, dtype=torch.long, device=device)

    def run() -> None:
        model.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16) if half else nullcontext():
            values = model(images)
        torch.nn.functional.cross_entropy(values.float(), labels).backward()

    return timed(run, device)


def engine(path: str, device: torch.device, gait: caffe.Gait, bf16: bool = False) -> Contestant:
    """The engine's net in one gait."""
    net = caffe.Net(path, caffe.TRAIN, device=device, bf16=bf16)
    for name in net.inputs:
        net.blobs[name].data[...] = 0.5 if name == "data" else 0

    def run() -> None:
        net.clear_param_diffs()
        net.train_pass(gait)

    return timed(run, device)


def step(path: str, device: torch.device, folder: str) -> Contestant:
    """One iteration of a solver, its update included."""
    solver_file = os.path.join(folder, "solver.prototxt")
    Path(solver_file).write_text(f'net: "{path}" base_lr: 0.001 lr_policy: "fixed" '
                                 "momentum: 0.9 weight_decay: 0.0001 max_iter: 1000000\n")
    caffe.set_mode_fast()
    (caffe.set_mode_gpu if device.type == "cuda" else caffe.set_mode_cpu)()
    solver = caffe.SGDSolver(solver_file)
    for name in solver.net.inputs:
        solver.net.blobs[name].data[...] = 0.5 if name == "data" else 0
    return timed(lambda: solver.step(1), device)


def real_caffe(path: str, threads: int) -> Contestant:
    """Real Caffe, in its own process."""
    worker = Path(__file__).with_name("caffe_worker.py")
    process = find_engine("caffe").start(
        str(worker), path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"GLOG_minloglevel": "2", "OPENBLAS_NUM_THREADS": str(threads),
             "OMP_NUM_THREADS": str(threads)})

    def once() -> float:
        process.stdin.write("go\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    return once


def contestants(given: argparse.Namespace, folder: str) -> dict[str, Contestant]:
    """All that are measured, by name."""
    device, batch = torch.device("cuda" if given.gpu else "cpu"), given.batch
    path = network(batch, folder)
    found = {
        "PyTorch by hand": by_hand(batch, device, torch.contiguous_format),
        "PyTorch by hand, channels_last": by_hand(batch, device, torch.channels_last),
        "PyTorch by hand, channels_last, with biases": by_hand(
            batch, device, torch.channels_last, bias=True),
        "engine, fast gait": engine(path, device, caffe.Gait.FAST),
        "engine, inspectable gait": engine(path, device, caffe.Gait.INSPECTABLE),
        "engine, fast gait: a solver's step": step(path, device, folder),
        "PyTorch by hand, channels_last, bf16": by_hand(batch, device, torch.channels_last, True),
        "engine, fast gait, bf16": engine(path, device, caffe.Gait.FAST, bf16=True),
    }
    if not given.no_caffe:
        try:
            found["real Caffe, CPU"] = real_caffe(path, given.threads)
        except EngineNotFound as error:
            print(f"real Caffe is left out: {error}", file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--no-caffe", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        runs = contestants(given, folder)
        for once in runs.values():
            once()  # memory and kernels are chosen in the first pass
        order = random.Random(0)
        rounds = [{name: runs[name]() for name in order.sample(list(runs), len(runs))}
                  for _ in range(given.rounds)]
    print("| contestant | min s | median s | images/s |")
    print("|---|---|---|---|")
    for name in runs:
        seconds = [each[name] for each in rounds]
        print(f"| {name} | {min(seconds):.4f} | {statistics.median(seconds):.4f} | "
              f"{given.batch / min(seconds):.1f} |")


if __name__ == "__main__":
    main()
