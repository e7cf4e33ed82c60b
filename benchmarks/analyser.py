"""Time and peak memory of `netbuilder summary`, whole process.

    python benchmarks/analyser.py [--runs 10] [--linear]

A row is one command line, timed from start to exit; ``--linear`` is for `--format json` as the
net grows.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from process import ROOT, main, measure

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


def table(runs: int) -> None:
    """Prints each command's time and memory."""
    print("| net | format | min s | median s | min processor s | peak MiB |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        resnet, long = Path(folder, "resnet", "deploy.prototxt"), Path(folder, "long.prototxt")
        subprocess.run([sys.executable, BUILD, *RESNET_152.split(), "-o", resnet.parent],
                       check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        long.write_text(chain(10_000))
        for name, file in (("ResNet-152", resnet), ("10,000 layers", long)):
            for form in ("table", "json"):
                summary = ["-m", "netbuilder", "summary", file, "--format", form]
                done = [measure(summary) for _ in range(runs + 1)][1:]
                walls, processor, peaks = zip(*done, strict=True)
                print(f"| {name} | {form} | {min(walls):.3f} | {statistics.median(walls):.3f} | "
                      f"{min(processor):.3f} | {max(peaks):.1f} |")


def linearity(runs: int) -> None:
    """Prints the processor time of one summary as the net grows."""
    print("| layers | min processor s | ms for 1000 layers more |\n|---|---|---|")
    before: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "net.prototxt")
        for layers in SIZES:
            file.write_text(chain(layers))
            summary = ["-m", "netbuilder", "summary", file, "--format", "json"]
            low = min(measure(summary).processor for _ in range(runs))
            more = f"{(low - before[1]) / (layers - before[0]) * 1e6:.0f}" if before else ""
            print(f"| {layers} | {low:.2f} | {more} |")
            before = layers, low


if __name__ == "__main__":
    main(__doc__, 10, table, linearity)
