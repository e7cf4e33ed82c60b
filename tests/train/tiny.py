"""The smallest training run: a linear classifier of 4x4 images in an LMDB, in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netbuilder.proto import caffe_pb2

NET = """
name: "tiny"
layer {
  name: "data" type: "Data" top: "data" top: "label"
  data_param { source: "images" batch_size: 8 backend: LMDB } transform_param { scale: 0.00390625 }
}
layer {
  name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } }
}
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
layer {
  name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy"
  include { phase: TEST }
}
"""

SOLVER = {
    "net": '"net.prototxt"', "test_iter": 5, "test_interval": 4, "base_lr": 0.5,
    "lr_policy": '"multistep"', "gamma": 0.5, "stepvalue": 7, "momentum": 0.9, "display": 2,
    "average_loss": 3, "max_iter": 12, "snapshot": 5, "snapshot_prefix": '"run"',
    "random_seed": 3, "solver_mode": "CPU",
}


def write_solver(folder: Path, **changes: object) -> Path:
    """solver.prototxt with fields changed, or left out where the change is None."""
    fields = {**SOLVER, **changes}
    path = folder / "solver.prototxt"
    path.write_text("".join(f"{k}: {v}\n" for k, v in fields.items() if v is not None))
    return path


def write_run(folder: Path, network: str = NET, **changes: object) -> Path:
    """Net, images and solver; the solver's path."""
    (folder / "net.prototxt").write_text(network)
    write_images(folder / "images")
    return write_solver(folder, **changes)


def write_images(folder: Path) -> None:
    """40 random 4x4 images of 3 classes, whose label is where they are brightest."""
    import lmdb

    random = np.random.default_rng(1)
    with lmdb.open(str(folder), map_size=1 << 20) as env, env.begin(write=True) as batch:
        for index in range(40):
            pixels = random.integers(0, 200, 16, np.uint8)
            pixels[index % 3] = 255
            datum = caffe_pb2.Datum(
                channels=1, height=4, width=4, data=pixels.tobytes(), label=index % 3
            )
            batch.put(b"%08d" % index, datum.SerializeToString())
