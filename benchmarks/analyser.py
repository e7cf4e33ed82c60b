"""Time and peak memory of `netbuilder summary`, whole process, and of the analysis by itself.

    python benchmarks/analyser.py [--runs 10] [--linear]

A row of the table is one command line, timed from start to exit; ``--linear`` times parsing,
resolving, counting and JSON in one process as the net grows.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # in place, installed or not
BUILD = ROOT / "app" / "imagenet" / "build_resnet.py"
RESNET_152 = "-m bottleneck -b 3 8 36 3 -n 256 --no-fc_layers"
SIZES = (2_500, 5_000, 10_000, 20_000, 40_000)  # layers
BLOCK = """layer {{ name: "c{0}" type: "Convolution" bottom: "d{0}" top: "d{1}"
  param {{ lr_mult: 1 decay_mult: 1 }}
  convolution_param {{ num_output: 64 kernel_size: 3 pad: 1 weight_filler {{ type: "msra" }} }} }}
layer {{ name: "b{0}" type: "BatchNorm" bottom: "d{1}" top: "d{1}" }}
layer {{ name: "s{0}" type: "Scale" bottom: "d{1}" top: "d{1}" scale_param {{ bias_term: true }} }}
layer {{ name: "r{0}" type: "ReLU" bottom: "d{1}" top: "d{1}" }}
"""


def chain(layers: int) -> str:
    """A net of so many layers: Convolution, BatchNorm, Scale, ReLU, and so on."""
    first = ('layer { name: "i" type: "Input" top: "d0" '
             "input_param { shape { dim: [1, 64, 56, 56] } } }\n")
    return first + "".join(BLOCK.format(i, i + 1) for i in range(layers // 4))


def measure(file: Path, form: str) -> tuple[float, float]:
    """Wall seconds and peak MiB of one process."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(ROOT)
    arguments = [sys.executable, "-m", "netbuilder", "summary", str(file), "--format", form]
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    begin = time.perf_counter()
    pid = os.posix_spawn(sys.executable, arguments, environment, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed")
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


def table(runs: int) -> None:
    """Prints each command's time and memory."""
    print("| net | format | min s | median s | peak MiB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        resnet, long = Path(folder, "resnet", "deploy.prototxt"), Path(folder, "long.prototxt")
        subprocess.run([sys.executable, BUILD, *RESNET_152.split(), "-o", resnet.parent],
                       check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        long.write_text(chain(10_000))
        for name, file in (("ResNet-152", resnet), ("10,000 layers", long)):
            for form in ("table", "json"):
                done = [measure(file, form) for _ in range(runs + 1)][1:]
                walls, peaks = zip(*done, strict=True)
                print(f"| {name} | {form} | {min(walls):.3f} | {statistics.median(walls):.3f} | "
                      f"{max(peaks):.1f} |")


def linearity(runs: int) -> None:
    """Prints the processor time of one analysis as the net grows."""
    from netbuilder.analysis import costs
    from netbuilder.analysis.export import to_json
    from netbuilder.graph import resolve
    from netbuilder.proto import caffe_pb2
    from netbuilder.proto.text import parse

    print("| layers | min processor s | ms for 1000 layers |\n|---|---|---|")
    for layers in SIZES:
        text, times = chain(layers), []
        for _ in range(runs):
            begin = time.process_time()
            to_json(costs(resolve(parse(text, caffe_pb2.NetParameter()), caffe_pb2.TEST)))
            times.append(time.process_time() - begin)
        print(f"| {layers} | {min(times):.2f} | {min(times) / layers * 1e6:.0f} |")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=10, help="runs of each row (default: 10)")
    parser.add_argument("--linear", action="store_true", help="time against the number of layers")
    given = parser.parse_args()
    (linearity if given.linear else table)(given.runs)


if __name__ == "__main__":
    main()
