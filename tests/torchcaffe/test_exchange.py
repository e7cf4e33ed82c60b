"""Weight files between both engines: HDF5, files of old formats, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from tinynet import write_solver

import netbuilder.torchcaffe as caffe
from netbuilder.errors import DataError, ParseError, ShapeError
from netbuilder.proto import caffe_pb2, io

pytestmark = pytest.mark.torch

NET = """
name: "net"
layer {{ name: "data" type: "Input" top: "data"
  input_param {{ shape {{ dim: 2 dim: 2 dim: 5 dim: 5 }} }} }}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv" param {{ name: "w" }}
  convolution_param {{ num_output: 2 kernel_size: 3 pad: 1 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "again" type: "Convolution" bottom: "conv" top: "again" param {{ {sharing} }}
  convolution_param {{ num_output: 2 kernel_size: 3 pad: 1 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "norm" type: "BatchNorm" bottom: "again" top: "again" }}
layer {{ name: "ip" type: "InnerProduct" bottom: "again" top: "ip"
  inner_product_param {{ num_output: 3 weight_filler {{ type: "xavier" }} }} }}
"""
SHARED, APART = NET.format(sharing='name: "w"'), NET.format(sharing="lr_mult: 1")
VALUES = '''
import sys, numpy as np, caffe
def values(net):
    return {"%s_%d" % (name, i): b.data.copy() for name, bs in net.params.items()
            for i, b in enumerate(bs)}
'''
EXCHANGE = VALUES + '''
net = caffe.Net("net.prototxt", caffe.TEST)
net.load_hdf5("ours")
np.savez("loaded.npz", **values(net))
net = caffe.Net("net.prototxt", caffe.TEST)
net.copy_from("ours")
np.savez("copied.npz", **values(net))
net = caffe.Net("net.prototxt", caffe.TEST)
np.savez("real.npz", **values(net))
net.save_hdf5("real")
'''
COPY = VALUES + '''
net = caffe.Net("net.prototxt", caffe.TEST)
for name in sys.argv[1:]:
    net.copy_from(name)
    np.savez(name + ".npz", **values(net))
'''


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(SHARED)
    return tmp_path


def net(file: str = "net.prototxt", seed: int = 1) -> caffe.Net:
    return caffe.Net(file, caffe.TEST, rng=caffe.Rng(seed))


def values(made: caffe.Net) -> dict[str, np.ndarray]:
    return {f"{name}_{index}": blob.data.copy() for name, blobs in made.params.items()
            for index, blob in enumerate(blobs)}


def assert_same(ours: dict, theirs) -> None:
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


@pytest.mark.caffe
def test_hdf5_goes_both_ways(folder, run_caffe):
    made = net()
    made.save_hdf5("ours")
    run_caffe(EXCHANGE, cwd=folder)
    for name in ("loaded", "copied"):
        assert_same(values(made), np.load(f"{name}.npz"))
    for load in (caffe.Net.load_hdf5, caffe.Net.copy_from):
        other = net(seed=2)
        load(other, "real")
        assert_same(values(other), np.load("real.npz"))
    assert layout("real") == layout("ours")
    assert "data/again/1" in layout("ours")
    assert "data/again/0" not in layout("ours")  # a shared parameter stands at its owner only


@pytest.mark.caffe
@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST])
def test_a_file_says_the_phase_it_was_saved_in(folder, run_caffe, phase):
    run_caffe(f"import caffe; caffe.Net('net.prototxt', {phase}).save('real')", cwd=folder)
    caffe.Net("net.prototxt", phase).save("ours")
    ours, real = (io.read_binary(name, caffe_pb2.NetParameter).layer for name in ("ours", "real"))
    stated = [(layer.name, layer.HasField("phase"), layer.phase) for layer in ours]
    assert stated == [(layer.name, layer.HasField("phase"), layer.phase) for layer in real]


def layout(path: str) -> list[str]:
    names = []
    with h5py.File(path) as file:
        file.visit(names.append)
    return names


def test_a_shared_parameter_that_is_not_shared_here_is_missed(folder):
    net().save_hdf5("ours")
    Path("apart.prototxt").write_text(APART)
    apart = net("apart.prototxt")
    before = values(apart)
    with pytest.raises(ShapeError, match="Incompatible number of blobs for layer again: the file "
                                         "lacks parameter 0"):
        apart.copy_from("ours")
    assert_same(values(apart), before)


def test_a_file_with_too_many_is_refused(folder):
    net().save_hdf5("ours")
    with h5py.File("ours", "a") as file:
        file["data/ip/2"] = [1.0]
    with pytest.raises(ShapeError, match="Incompatible number of blobs for layer ip: 3 in the"):
        net().copy_from("ours")


@pytest.mark.parametrize("save", [caffe.Net.save, caffe.Net.save_hdf5])
def test_a_shape_that_differs_is_said_in_caffes_words(folder, save):
    save(net(), "a")
    Path("wide.prototxt").write_text(SHARED.replace("num_output: 3", "num_output: 4"))
    wide = net("wide.prototxt")
    before = values(wide)
    words = (r"Cannot copy param 0 weights from layer 'ip'; shape mismatch.  Source param shape is "
             r"3 50 \(150\); target param shape is 4 50 \(200\).")
    with pytest.raises(ShapeError, match=words):
        wide.copy_from("a")
    assert_same(values(wide), before)  # the layers before it, too


@pytest.mark.parametrize("save", [caffe.Net.save, caffe.Net.save_hdf5])
def test_layers_that_are_not_here_are_passed_over_with_a_word(folder, save, capfd):
    made = net()
    save(made, "a")
    Path("other.prototxt").write_text(SHARED.replace('name: "ip"', 'name: "new"'))
    other = net("other.prototxt", 2)
    before = values(other)
    capfd.readouterr()
    other.copy_from("a")
    assert "Ignoring source layer ip\n" in capfd.readouterr().err
    np.testing.assert_array_equal(values(other)["conv_0"], values(made)["conv_0"])
    np.testing.assert_array_equal(values(other)["new_0"], before["new_0"])


def test_a_missing_file_is_named(folder):
    with pytest.raises(ParseError, match=r"none.caffemodel.h5: cannot be read: No such file"):
        net().copy_from("none.caffemodel.h5")


# Files of former years.

def old_files(folder: Path) -> list[str]:
    """The same weights in V0, V1 and today's format with shapes of four axes, by real values."""
    rng = np.random.default_rng(5)
    arrays = {"conv": [(2, 2, 3, 3), (1, 1, 1, 2)], "again": [(2, 2, 3, 3), (1, 1, 1, 2)],
              "norm": [(1, 1, 1, 2), (1, 1, 1, 2), (1, 1, 1, 1)],
              "ip": [(1, 1, 3, 50), (1, 1, 1, 3)]}
    kinds = {"conv": ("conv", "CONVOLUTION", "Convolution"),
             "again": ("conv", "CONVOLUTION", "Convolution"),
             "norm": (None, None, "BatchNorm"), "ip": ("innerproduct", "INNER_PRODUCT",
                                                       "InnerProduct")}
    nets = [caffe_pb2.NetParameter(name="old") for _ in range(3)]
    for name, shapes in arrays.items():
        v0, v1, now = kinds[name]
        places = [nets[2].layer.add(name=name, type=now)]
        if v0:  # BatchNorm came later
            nets[0].layers.add().layer.CopyFrom(caffe_pb2.V0LayerParameter(name=name, type=v0))
            places += [nets[0].layers[-1].layer,
                       nets[1].layers.add(name=name, type=caffe_pb2.V1LayerParameter.LayerType
                                          .Value(v1))]
        else:  # and had rates in the files of its first year
            for _ in range(3):
                places[0].param.add(lr_mult=0.5)
        for shape in shapes:
            array = rng.normal(size=shape).astype(np.float32)
            for place in places:
                blob = place.blobs.add(**dict(zip(("num", "channels", "height", "width"), shape,
                                                  strict=True)))
                (blob.double_data if place is places[-1] else blob.data).extend(array.ravel())
    names = ["v0", "v1", "four_axes"]
    for name, message in zip(names, nets, strict=True):
        io.write_binary(folder / name, message)
    return names


@pytest.mark.caffe
def test_old_files_give_what_they_give_real_caffe(folder, run_caffe):
    names = old_files(folder)
    net().save("start")
    run_caffe(COPY, "start", *names, cwd=folder)
    made, before = net(), {}
    for name in names:
        made.copy_from(name)
        assert_same(values(made), np.load(f"{name}.npz"))
        assert not before or name == "v1" or not np.array_equal(before["norm_0"],
                                                               values(made)["norm_0"])
        before = values(made)


GRADIENTS = """
import sys, numpy as np
caffe = __import__(sys.argv[1], fromlist=["Net"])
net = caffe.Net("net.prototxt", caffe.TEST)
for blobs in net.params.values():
    for blob in blobs:
        blob.diff[...] = 7
net.copy_from(sys.argv[2])
np.savez(sys.argv[3], *[blob.diff for blobs in net.params.values() for blob in blobs])
"""


@pytest.mark.caffe
@pytest.mark.parametrize("save", ["save", "save_hdf5", "diffs"])
def test_gradients_come_along_where_they_come_along_in_real_caffe(
        folder, run_caffe, monkeypatch, save):
    made = net()
    for number, blob in enumerate(blob for blobs in made.params.values() for blob in blobs):
        blob.diff[...] = number
    made.save("file", diffs=True) if save == "diffs" else getattr(made, save)("file")
    run_caffe(GRADIENTS, "caffe", "file", "real.npz", cwd=folder)
    monkeypatch.setattr("sys.argv", ["-", "netbuilder.torchcaffe", "file", "ours.npz"])
    exec(GRADIENTS, {})
    assert_same(np.load("ours.npz"), np.load("real.npz"))


@pytest.mark.parametrize("count", [1, 3])
def test_gradients_of_another_number_are_refused(folder, count):
    message = caffe_pb2.NetParameter()
    blob = message.layer.add(name="conv", type="Convolution").blobs.add(data=[1, 2])
    blob.shape.dim.append(2)
    blob.diff.extend([1] * count)
    io.write_binary(folder / "file", message)
    with pytest.raises(DataError, match=f"a blob of 2 values with {count} gradients"):
        net().copy_from("file")


# Several files.

@pytest.mark.parametrize("text", ["a.caffemodel,b.h5", " a.caffemodel , b.h5"])
def test_weights_of_a_solver_may_list_files(tiny, text):
    first = caffe.Net("plain.prototxt", caffe.TRAIN)
    first.save("a.caffemodel")
    Path("other.prototxt").write_text(Path("plain.prototxt").read_text().replace("fc", "new"))
    caffe.Net("other.prototxt", caffe.TRAIN).save_hdf5("all.h5")
    with h5py.File("all.h5") as file, h5py.File("b.h5", "w") as part:
        file.copy("data/conv", part.create_group("data"))
    made = caffe.get_solver(write_solver("solver.prototxt", "plain.prototxt", base_lr=0.1,
                                         lr_policy="fixed", weights=text))
    np.testing.assert_array_equal(made.net.params["fc"][0].data, first.params["fc"][0].data)
    with h5py.File("b.h5") as part:
        np.testing.assert_array_equal(made.net.params["conv"][0].data, part["data/conv/0"])
