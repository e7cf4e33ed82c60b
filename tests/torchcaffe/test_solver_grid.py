"""Every solver type under every policy and regularisation: 50 steps in both engines.

Both are float32. Measured over all cases: losses within 4e-6, weights and statistics
within 1e-5 of each blob's largest value; asserted is 1e-4. The net has no bias under its BatchNorm:
the gradient of one is rounding and nothing else, which the adaptive types make large.
"""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from driver import drive
from test_parity import POLICIES
from tinynet import write_solver

import netbuilder.torchcaffe as caffe
from netbuilder.weights import read_state

pytestmark = [pytest.mark.torch, pytest.mark.caffe]

TOLERANCE = 1e-4
STEPS, STRIDE = 50, 5  # of five steps at once the first four run in the fast gait
HALF = 15  # five rounds of the data, which a resumed run begins anew
DRIVER = Path(__file__).with_name("driver.py")
NET = """
name: "grid"
layer { name: "data" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 8 channels: 5 height: 1 width: 1 } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { lr_mult: 1 decay_mult: 2 }
  inner_product_param { num_output: 6 bias_term: false weight_filler { type: "xavier" } } }
layer { name: "norm" type: "BatchNorm" bottom: "a" top: "a" }
layer { name: "scale" type: "Scale" bottom: "a" top: "a" scale_param { bias_term: true } }
layer { name: "tanh" type: "TanH" bottom: "a" top: "a" }
layer { name: "still" type: "InnerProduct" bottom: "a" top: "still" param { lr_mult: 0 }
  param { lr_mult: 0.5 }
  inner_product_param { num_output: 6 weight_filler { type: "xavier" } } }
layer { name: "tanh2" type: "TanH" bottom: "still" top: "still" }
layer { name: "fc" type: "InnerProduct" bottom: "still" top: "fc"
  param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""
TYPES = {
    "SGD": {"base_lr": 0.05, "momentum": 0.9},
    "Nesterov": {"base_lr": 0.05, "momentum": 0.9},
    "AdaGrad": {"base_lr": 0.05},
    "RMSProp": {"base_lr": 0.01, "rms_decay": 0.95},
    "AdaDelta": {"base_lr": 1.0, "momentum": 0.95, "delta": 1e-6},
    "Adam": {"base_lr": 0.01, "momentum": 0.9, "momentum2": 0.99},
}
SAMPLES = {
    "plain": {},
    "clip": {"clip_gradients": 0.3},
    "iter_size": {"iter_size": 2},
    "clip_of_a_sum": {"clip_gradients": 0.5, "iter_size": 3, "weight_decay": 0.01},
    "delta": {"delta": 1e-3, "weight_decay": 0.01},
}
OWN = {
    "SGD_without_momentum": {"momentum": 0.0},
    "Nesterov_half": {"momentum": 0.5},
    "RMSProp_default": {"rms_decay": 0.99},
    "RMSProp_forgetful": {"rms_decay": 0.0, "delta": 0.1},
    "AdaDelta_without_memory": {"momentum": 0.0, "delta": 0.01},
    "Adam_default": {"momentum2": 0.999},
    "Adam_without_momentum": {"momentum": 0.0},
}
COMMON = {"display": 0, "random_seed": 7, "max_iter": STEPS}


def grid() -> dict[str, dict]:
    """The fields of each case, by name."""
    cases = {}
    for kind, fields in TYPES.items():
        base = {**COMMON, **fields, "type": kind, "lr_policy": "fixed"}
        for policy, more in POLICIES.items():
            for decay in ("L1", "L2"):
                cases[f"{kind}_{policy}_{decay}"] = {
                    **base, **more, "lr_policy": policy, "weight_decay": 0.02,
                    "regularization_type": decay}
        cases |= {f"{kind}_{name}": {**base, **more} for name, more in SAMPLES.items()}
        cases |= {name: {**base, **more} for name, more in OWN.items()
                  if name.split("_")[0] == kind}
    for kind in ("SGD", "Nesterov"):
        del cases[f"{kind}_delta"]  # which only the others have
    return cases


GRID = grid()
FORMATS = {"BINARYPROTO": "", "HDF5": ".h5"}
SWAPS = [(kind, form) for kind in TYPES for form in FORMATS]


def job(engine: str, name: str, steps: int = STEPS, form: str = "", **more) -> dict:
    case = GRID[name.split("@", maxsplit=1)[0]]
    file = write_solver(f"{engine}_{name}.prototxt", "grid.prototxt", **case,
                        snapshot_prefix=f"{engine}_{name}", snapshot_diff=True)
    if form:
        Path(file).write_text(Path(file).read_text() + f"\nsnapshot_format: {form}")
    return {"solver": file, "steps": steps, "stride": STRIDE, "arrays": "arrays.npz",
            "out": f"{engine}_{name}.npz", **more}


def case_of(kind: str) -> str:
    return f"{kind}_multistep_L2"


def half(engine: str, kind: str, form: str) -> dict:
    """A run up to its snapshot."""
    return job(engine, f"{case_of(kind)}@{form}", HALF, form, weights="start.caffemodel",
               snapshot=True)


def rest(engine: str, other: str, kind: str, form: str) -> dict:
    """The rest of a run of the other engine."""
    state = f"{other}_{case_of(kind)}@{form}_iter_{HALF}.solverstate{FORMATS[form]}"
    return job(engine, f"{case_of(kind)}@{form}_rest", STEPS - HALF, restore=state)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, run_caffe):
    """The folder of all runs in both engines."""
    folder = tmp_path_factory.mktemp("grid")
    random = np.random.default_rng(4)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("grid.prototxt").write_text(NET)
        labels = random.integers(0, 3, 24)
        images = random.normal(size=(24, 5, 1, 1)) + 0.5 * labels.reshape(-1, 1, 1, 1)
        np.savez("arrays.npz", images=images.astype(np.float32), labels=labels.astype(np.float32))
        caffe.Net("grid.prototxt", caffe.TRAIN, rng=caffe.Rng(3)).save("start.caffemodel")
        drive(caffe, [job("ours", name, weights="start.caffemodel") for name in GRID])
        drive(caffe, [half("ours", *swap) for swap in SWAPS])
        order = [*(job("real", name, weights="start.caffemodel") for name in GRID),
                 *(half("real", *swap) for swap in SWAPS),
                 *(rest("real", "ours", *swap) for swap in SWAPS)]
        Path("order.json").write_text(json.dumps({"jobs": order}))
        run_caffe(DRIVER, "@order.json", cwd=folder)
        drive(caffe, [rest("ours", "real", *swap) for swap in SWAPS])
        yield folder


def distances(folder: Path, one: str, other: str, first: int = 0) -> dict[str, float]:
    """How far two runs lie from each other: losses, and each parameter by its largest value."""
    with np.load(folder / f"{one}.npz") as ours, np.load(folder / f"{other}.npz") as real:
        assert ours["iter"] == real["iter"] == STEPS
        assert ours["lr"] == real["lr"]
        found = {"loss": np.abs(ours["loss"] / real["loss"][first:] - 1).max()}
        for name in real.files:
            if "/" in name and not name.endswith(".diff"):
                scale = max(np.abs(real[name]).max(), 1e-6)
                found[name] = np.abs(ours[name] - real[name]).max() / scale
        return {name: float(distance) for name, distance in found.items()}


def assert_near(found: dict[str, float]) -> None:
    far = {name: distance for name, distance in found.items() if not distance <= TOLERANCE}
    assert not far


@pytest.mark.parametrize("name", GRID)
def test_fifty_steps_of(runs, name):
    assert_near(distances(runs, f"ours_{name}", f"real_{name}"))


def test_the_cases_differ(runs):
    ends = {np.load(runs / f"real_{name}.npz")["fc/0"].tobytes() for name in GRID}
    assert len(ends) == len(GRID)


@pytest.mark.parametrize("kind, form", SWAPS)
@pytest.mark.parametrize("engine", ["ours", "real"])
def test_a_run_of_the_other_engine_goes_on(runs, engine, kind, form):
    name = case_of(kind)
    resumed = f"{engine}_{name}@{form}_rest"
    assert_near(distances(runs, resumed, f"real_{name}", first=HALF // STRIDE))


def datasets(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: np.array(item)}))
    return found


@pytest.mark.parametrize("kind", TYPES)
def test_hdf5_weights_and_gradients_stand_alike(runs, kind):
    ours, real = (datasets(runs / f"{engine}_{case_of(kind)}@HDF5_iter_{HALF}.caffemodel.h5")
                  for engine in ("ours", "real"))
    assert list(ours) == list(real) and "diff/fc/1" in ours
    for name, mine in ours.items():
        if mine.dtype == np.float32:
            np.testing.assert_allclose(mine, real[name], rtol=0, err_msg=name,
                                       atol=TOLERANCE * max(np.abs(real[name]).max(), 1e-6))


@pytest.mark.parametrize("kind, form", SWAPS)
def test_states_hold_the_same(runs, kind, form):
    ours, real = (read_state(runs / f"{engine}_{case_of(kind)}@{form}_iter_{HALF}.solverstate"
                                    f"{FORMATS[form]}") for engine in ("ours", "real"))
    assert (ours.iter, ours.current_step) == (real.iter, real.current_step)
    assert ours.learned_net.replace("ours", "real") == real.learned_net
    assert len(ours.history) == len(real.history)
    for mine, theirs in zip(ours.history, real.history, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=0,
                                   atol=TOLERANCE * max(np.abs(theirs).max(), 1e-9))
