"""Weight files and solver states, against hand-made messages and real Caffe."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from netbuilder.errors import BuildError, DataError, ParseError, ShapeError
from netbuilder.proto import caffe_pb2, io, text
from netbuilder.weights import (
    SolverState,
    fitting,
    read_state,
    read_weights,
    write_state,
    write_weights,
)

NET = """
name: "small"
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 4 dim: 2 dim: 5 dim: 5 } shape { dim: 4 }
    data_filler { type: "gaussian" std: 1 } data_filler { value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SHAPES = {"conv": [(3, 2, 3, 3), (3,)], "bn": [(3,), (3,), (1,)], "ip": [(2, 27), (2,)]}

REAL = """
import numpy as np, caffe
open("net.prototxt", "w").write(NET)
open("solver.prototxt", "w").write(
    'net: "net.prototxt" base_lr: 0.1 lr_policy: "multistep" gamma: 0.1 stepvalue: 1 stepvalue: 9 '
    'momentum: 0.9 snapshot_prefix: "real" random_seed: 3')
solver = caffe.get_solver("solver.prototxt")
names = ["conv", "bn", "ip"]
values = lambda net: {"%s_%d" % (n, i): b.data for n in names for i, b in enumerate(net.params[n])}
solver.step(4)
solver.snapshot()
np.savez("real.npz", **values(solver.net))
net = caffe.Net("net.prototxt", caffe.TEST)
net.copy_from("ours.caffemodel")
np.savez("read.npz", **values(net))
solver.restore("ours.solverstate")
iteration = solver.iter
solver.net.clear_param_diffs()
solver.apply_update()  # no gradient: the weights move by momentum * history
np.savez("moved.npz", iteration=iteration, rate=solver.lr, **values(solver.net))
"""


def weights(seed: int = 0) -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    return {name: [rng.normal(size=shape).astype(np.float32) for shape in shapes]
            for name, shapes in SHAPES.items()}


def written(path, arrays, **options):
    net = text.parse(NET, caffe_pb2.NetParameter())
    layers = [(layer, arrays.get(layer.name, [])) for layer in net.layer]
    write_weights(path, net.name, layers, **options)


def test_what_is_written_is_read(tmp_path):
    arrays = weights()
    written(tmp_path / "a.caffemodel", arrays)
    read = read_weights(tmp_path / "a.caffemodel")
    assert list(read) == ["data", "conv", "bn", "ip", "loss"]
    assert read["data"] == read["loss"] == []
    for name, blobs in arrays.items():
        for blob, back in zip(blobs, read[name], strict=True):
            np.testing.assert_array_equal(back, blob)
            assert back.dtype == np.float32 and back.flags.writeable


def test_the_file_describes_the_net(tmp_path):
    arrays = weights()
    diffs = [[blob * 2 for blob in arrays.get(name, [])]
             for name in ("data", "conv", "bn", "ip", "loss")]
    written(tmp_path / "a.caffemodel", arrays, diffs=diffs)
    net = io.read_binary(tmp_path / "a.caffemodel", caffe_pb2.NetParameter)
    assert net.name == "small"
    assert net.layer[1].convolution_param.num_output == 3
    np.testing.assert_array_equal(net.layer[1].blobs[0].diff, 2 * arrays["conv"][0].ravel())
    assert net.layer[1].blobs[0].shape.dim == [3, 2, 3, 3]


def test_old_files_are_read(tmp_path):
    old, older = caffe_pb2.NetParameter(), caffe_pb2.NetParameter()
    old.layers.add(name="v1").blobs.add(
        num=1, channels=1, height=2, width=3, double_data=range(6))
    older.layers.add().layer.name = "v0"
    older.layers[0].layer.blobs.add(num=2, channels=1, height=1, width=1, data=[1, 2])
    read = {}
    for net in (old, older):
        io.write_binary(tmp_path / "old.caffemodel", net)
        read.update(read_weights(tmp_path / "old.caffemodel"))
    assert [read["v1"][0].shape, read["v0"][0].shape] == [(1, 1, 2, 3), (2, 1, 1, 1)]
    (fitted,) = fitting("v1", read["v1"], [(2, 3)])
    np.testing.assert_array_equal(fitted, [[0, 1, 2], [3, 4, 5]])


def test_a_wrong_shape_is_said_in_caffes_words():
    with pytest.raises(ShapeError) as error:
        fitting("ip", [np.zeros((2, 27))], [(2, 28)])
    assert str(error.value).startswith(
        "Cannot copy param 0 weights from layer 'ip'; shape mismatch.  Source param shape is "
        "2 27 (54); target param shape is 2 28 (56). To learn this layer's parameters from")
    with pytest.raises(ShapeError, match="Incompatible number of blobs for layer ip"):
        fitting("ip", [np.zeros(2)], [(2,), (2,)])
    with pytest.raises(ShapeError, match="target param shape is 27 2"):
        fitting("ip", [np.zeros((2, 27))], [(27, 2)])


@pytest.mark.parametrize("content, words", [
    (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
    (b'name: "net"\n', "is text"),
    (b"\x0a\x7f\x01", "cut short"),
])
def test_files_of_another_kind_are_refused(tmp_path, content, words):
    (tmp_path / "a.caffemodel").write_bytes(content)
    with pytest.raises(ParseError, match=words):
        read_weights(tmp_path / "a.caffemodel")
    with pytest.raises(ParseError, match=words):
        read_state(tmp_path / "a.caffemodel")


def test_a_file_that_is_not_there():
    with pytest.raises(ParseError, match=r"nowhere.caffemodel: cannot be read"):
        read_weights("nowhere.caffemodel")


def test_a_blob_that_contradicts_itself_is_named(tmp_path):
    net = caffe_pb2.NetParameter()
    blob = net.layer.add(name="conv").blobs.add(data=[1, 2, 3])
    blob.shape.dim.extend([2, 2])
    io.write_binary(tmp_path / "a.caffemodel", net)
    with pytest.raises(DataError, match=r'a.caffemodel: layer "conv": .* 2 2 \(4\) with 3 values'):
        read_weights(tmp_path / "a.caffemodel")
    blob.data.append(4)
    blob.diff.append(5)
    io.write_binary(tmp_path / "a.caffemodel", net)
    with pytest.raises(DataError, match='"conv": a blob of 4 values with 1 gradients'):
        read_weights(tmp_path / "a.caffemodel")


def test_nothing_is_left_where_a_file_cannot_be_written(tmp_path):
    with pytest.raises(BuildError, match="no folder"):
        written(tmp_path / "none" / "a.caffemodel", weights())
    assert not list(tmp_path.iterdir())


def test_states_are_read_as_written(tmp_path):
    history = [np.arange(6, dtype=np.float32).reshape(2, 3), np.float32([7])]
    write_state(tmp_path / "a", SolverState(12, "x.caffemodel", history, 2))
    state = read_state(tmp_path / "a")
    assert (state.iter, state.learned_net, state.current_step) == (12, "x.caffemodel", 2)
    for array, back in zip(history, state.history, strict=True):
        np.testing.assert_array_equal(back, array)


def test_importing_loads_no_numpy():
    code = "import sys, netbuilder.weights; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.caffe
def test_real_caffe_reads_ours_and_we_read_its(run_caffe, tmp_path):
    ours = weights(1)
    written(tmp_path / "ours.caffemodel", ours)
    history = [np.full(shape, 0.5 + i, np.float32)
               for i, shape in enumerate(shape for shapes in SHAPES.values() for shape in shapes)]
    write_state(tmp_path / "ours.solverstate", SolverState(8, "ours.caffemodel", history, 1))
    run_caffe(f"NET = {NET!r}\n{REAL}", cwd=tmp_path)

    real = np.load(tmp_path / "real.npz")
    theirs = read_weights(tmp_path / "real_iter_4.caffemodel")
    read = np.load(tmp_path / "read.npz")
    moved = np.load(tmp_path / "moved.npz")
    assert moved["iteration"] == 8
    assert moved["rate"] == pytest.approx(0.1 * 0.1**2)  # current_step 1, then 2 at iteration 9
    step = iter(history)
    for name, shapes in SHAPES.items():
        for index in range(len(shapes)):
            key = f"{name}_{index}"
            np.testing.assert_array_equal(theirs[name][index], real[key])
            np.testing.assert_array_equal(read[key], ours[name][index])
            np.testing.assert_allclose(
                moved[key], ours[name][index] - 0.9 * next(step), rtol=1e-5, atol=1e-6)

    state = read_state(tmp_path / "real_iter_4.solverstate")
    assert (state.iter, state.learned_net, state.current_step) == (4, "real_iter_4.caffemodel", 1)
    assert [blob.shape for blob in state.history] == [blob.shape for blob in history]
