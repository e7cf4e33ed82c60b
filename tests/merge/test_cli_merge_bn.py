"""``netbuilder merge-bn``: what it writes and says, and how it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from merge_nets import (
    SHARED,
    D,
    both,
    conv,
    inner,
    layer,
    norm,
    parsed,
    relu,
    source,
    values,
    write,
)

from netbuilder import weights
from netbuilder.cli import cli
from netbuilder.graph import resolve
from netbuilder.merge import check, files
from netbuilder.proto import caffe_pb2, io

NET = D + conv("c", "data") + both("n", "c") + norm("m", "data", "mm") + relu("r", "mm")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["merge-bn", *map(str, arguments)])


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def trained(net: str, name: str = "net.caffemodel") -> tuple[str, str]:
    write(net, Path("in"), name=name)
    return "in/net.prototxt", f"in/{name}"


def test_what_it_says_and_writes():
    done = run(*trained(NET), "-o", "merged")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "merged: 2 layers into 1 others",
        'one Scale: "m" (BatchNorm): its bottom is made by "data" (Input); its top is read by "r" '
        "(ReLU)",
        "stored values: 256 before, 230 after"]
    assert lines[3].startswith("largest difference: ") and " random inputs; allowed: " in lines[3]
    assert lines[4:] == ["files: merged/net.prototxt, merged/merged.caffemodel"]
    assert sorted(os.listdir("merged")) == ["merged.caffemodel", "net.prototxt"]
    net = io.read_net("merged/net.prototxt")
    assert [each.name for each in net.layer] == ["data", "c", "m", "r"]
    assert not net.HasField("state")
    stored = io.read_binary("merged/merged.caffemodel", caffe_pb2.NetParameter)
    assert [(each.name, each.phase, len(each.blobs)) for each in stored.layer] == [
        ("data", caffe_pb2.TEST, 0), ("c", caffe_pb2.TEST, 2), ("m", caffe_pb2.TEST, 2),
        ("r", caffe_pb2.TEST, 0)]


def test_what_is_left_is_named_in_a_line():
    net = NET + layer("k", "BatchNorm", "mm", "k", "batch_norm_param { use_global_stats: false }")
    done = run(*trained(net), "-o", "merged")
    assert done.exit_code == 0, done.stderr
    assert ('left: "k" (BatchNorm): use_global_stats: false, it normalises by the statistics of '
            "each batch") in done.stdout.splitlines()


def test_a_net_without_batch_norms_is_written_too():
    done = run(*trained(D + conv("c", "data")), "-o", "merged")
    assert done.exit_code == 0 and done.stdout.startswith("merged: 0 layers into 0 others\n")


def test_values_of_layers_that_are_not_there():
    net, model = trained(NET + inner("f", "mm") + inner("g", "mm"))
    Path(net).write_text(NET)
    assert ('not in this net, though the weights have values for it: "f" and 1 others'
            in run(net, model, "-o", "merged").stdout.splitlines())


def test_layers_on_one_line():
    net, model = trained(NET)
    Path(net).write_text("# all of it\n" + NET.replace("\n", " "))
    assert run(net, model, "-o", "merged").exit_code == 0
    assert Path("merged/net.prototxt").read_text().count("# all of it") == 1


def test_comments_and_order_stay():
    net = "".join(f"# above {each.split()[3]}\n\n# and more\n{each}\n"
                  for each in NET.splitlines())
    assert run(*trained("# of the file\n\nname: 'n'\n" + net), "-o", "merged").exit_code == 0
    text = Path("merged/net.prototxt").read_text()
    assert text.startswith("# The TEST phase of net.prototxt with the batch norms of\n"
                           "# net.caffemodel merged; its weights: merged.caffemodel\n\n"
                           'name: "n"\n')
    for name in ("data", "c", "m", "r"):
        assert f'# above "{name}"\n# and more\nlayer {{\n  name: "{name}"\n' in text
    assert "n/bn" not in text


@pytest.mark.parametrize("name", ["net.caffemodel", "net.caffemodel.h5"])
def test_both_weight_formats_with_shared_parameters(name, by_us):
    net = (D + source(2, 4, 7, 6, name="other") + conv("c", "data", rest=SHARED) + both("n", "c")
           + conv("c_p", "other", rest=SHARED) + layer("sum", "Eltwise", "c c_p"))
    net = net.replace("n/", "n_")  # HDF5 has no place for such names
    write(net, Path("in"))
    if name.endswith("h5"):
        graph = resolve(parsed(net), caffe_pb2.TEST)
        rows = values(graph, 1, 1.0)
        rows[5] = rows[5][0], [None, None]  # as Caffe writes what lives in another layer
        weights.write_weights(f"in/{name}", "", rows, hdf5=True)
    done = run("in/net.prototxt", f"in/{name}", "-o", "merged")
    assert done.exit_code == 0, done.stderr
    assert '"c" (Convolution) shares a parameter with "c_p" (Convolution)' in done.stdout
    assert by_us((Path("in/net.prototxt"), Path("in/net.caffemodel")),
                 (Path("merged/net.prototxt"), Path("merged/merged.caffemodel"))) <= 1e-5


TRAIN_VAL = (
    layer("data", "Data", top="data label", fields=(
        'include { phase: TRAIN } data_param { source: "no" batch_size: 64 } '
        "transform_param { crop_size: 9 mean_value: 1 mean_value: 2 mean_value: 3 }"))
    + "# For testing.\n"
    + layer("data", "Data", top="data label", fields=(
        'include { phase: TEST } data_param { source: "no" batch_size: 50 } '
        "transform_param { crop_size: 9 mean_value: 1 mean_value: 2 mean_value: 3 }"))
    + conv("c", "data") + both("n", "c") + relu("r", "c") + inner("f", "c") + both("k", "f")
    + layer("loss", "SoftmaxWithLoss", "f label") + layer(
        "top1", "Accuracy", "f label", fields="include { phase: TEST }"))


def test_a_train_val_file_is_taken_in_test(monkeypatch):
    batches = []
    run_net = check._run
    monkeypatch.setattr(check, "_run", lambda steps, names, inputs, watched: (
        batches.append([array.shape for array in inputs[0].values()]),
        run_net(steps, names, inputs, watched))[1])
    done = run(*trained(TRAIN_VAL), "-o", "merged")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "merged: 4 layers into 2 others"
    assert "not run, but what they read was compared: SoftmaxWithLoss, Accuracy" in done.stdout
    net = io.read_net("merged/net.prototxt")
    assert [each.name for each in net.layer] == ["data", "c", "r", "f", "loss", "top1"]
    assert net.layer[0].data_param.batch_size == 50 and not net.layer[0].include
    assert "# For testing.\n" in Path("merged/net.prototxt").read_text()
    assert batches == [[(2, 3, 9, 9), (2,), (), ()]] * 2  # a batch of 50 would say no more


def test_a_shape_that_nothing_tells_is_asked_for():
    net, model = trained(D + conv("c", "data") + both("n", "c"))
    data = layer("data", "Data", fields='data_param { source: "no" batch_size: 4 }')
    Path(net).write_text(data + conv("c", "data") + both("n", "c"))
    done = run(net, model, "-o", "merged")
    assert done.exit_code == 2 and "--input data=N,C,H,W" in done.stderr
    assert run(net, model, "-o", "merged", "--input", "data=4,4,7,6").exit_code == 0


def test_stages_and_levels():
    net = NET + layer("x", "ReLU", "mm", "x", 'include { stage: "more" }')
    pair = trained(net)
    run(*pair, "-o", "merged")
    assert len(io.read_net("merged/net.prototxt").layer) == 4
    run(*pair, "-o", "merged", "--stage", "more")
    assert len(io.read_net("merged/net.prototxt").layer) == 5


def test_a_caffemodel_is_a_net_too():
    _, model = trained("".join(NET))
    message = io.read_net(model)
    message.layer.add(name="c_split", type="Split", bottom=["c"], top=["c_split_0"])
    io.write_binary("net.caffemodel", message)
    done = run("net.caffemodel", model, "-o", "merged")
    assert done.exit_code == 0, done.stderr
    assert sorted(os.listdir("merged")) == ["merged.caffemodel", "net.prototxt"]


# Refusals.


def refused(*arguments: object, code: int = 2) -> str:
    """The one line that is said; nothing is written."""
    before = sorted(map(str, Path().rglob("*")))
    done = run(*arguments)
    assert done.exit_code == code and not done.stdout
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert sorted(map(str, Path().rglob("*"))) == before
    return done.stderr


def test_files_that_are_not_what_they_should_be():
    net, model = trained(NET)
    assert "cannot be read: No such file" in refused("no.prototxt", model, "-o", "merged")
    assert "cannot be read: No such file" in refused(net, "no.caffemodel", "-o", "merged")
    assert "is text; a binary NetParameter" in refused(net, net, "-o", "merged")
    Path("cut.caffemodel").write_bytes(Path(model).read_bytes()[:400])
    assert "cut.caffemodel: " in refused(net, "cut.caffemodel", "-o", "merged")
    Path("solver.prototxt").write_text('net: "a"\nbase_lr: 1\n')
    assert "is a SolverParameter" in refused("solver.prototxt", model, "-o", "merged")


def test_weights_of_another_net():
    _, other = trained(D + conv("c", "data"), "other.caffemodel")
    net, model = trained(NET)
    assert refused(net, other, "-o", "merged") == (
        'error: in/other.caffemodel: has no weights for layer "n/bn" (BatchNorm) and 2 others; is '
        "it of another net?\n")
    Path("wide.prototxt").write_text(NET.replace("num_output: 6", "num_output: 7"))
    assert "shape mismatch" in refused("wide.prototxt", model, "-o", "merged")
    Path("few.prototxt").write_text(NET.replace("kernel_size: 3", "kernel_size: 3 "
                                                "bias_term: false"))
    assert "Incompatible number of blobs for layer c" in refused("few.prototxt", model, "-o", "x")


def test_two_layers_of_one_name():
    net, model = trained(NET)
    Path(net).write_text(NET + conv("c", "mm", top="again"))
    assert 'two layers are named "c"' in refused(net, model, "-o", "merged")


def test_a_net_that_does_not_hang_together():
    _, model = trained(NET)
    Path("odd.prototxt").write_text(NET + relu("x", "nothing"))
    assert 'odd.prototxt: layer "x" (ReLU): no layer above it makes' in refused(
        "odd.prototxt", model, "-o", "merged")


def test_neither_input_is_written_over():
    write(NET, Path("in"), name="merged.caffemodel")
    assert "in/net.prototxt would be written over in/net.prototxt" in refused(
        "in/net.prototxt", "in/merged.caffemodel", "-o", "in")
    Path("net2.prototxt").write_text(NET)
    assert "in/merged.caffemodel would be written over" in refused(
        "net2.prototxt", "in/merged.caffemodel", "-o", "in")


def test_a_place_that_cannot_be_written():
    net, model = trained(NET)
    Path("file").write_text("")
    assert "cannot write into file: it is not a folder" in refused(net, model, "-o", "file")
    os.makedirs("taken/net.prototxt")
    assert "cannot write into taken" in refused(net, model, "-o", "taken")


def test_a_wrong_merge_is_not_written(monkeypatch):
    pair = trained(NET)
    fold = files.fold

    def wrong(steps):
        merged = fold(steps)
        taker = next(step for step in merged.steps if step.name == "c")
        taker.blobs[1][3] += 0.01
        return merged

    monkeypatch.setattr(files, "fold", wrong)
    said = refused(*pair, "-o", "merged", code=1)
    assert 'merged, "c" would differ by 0.01' in said and "Nothing was written" in said


def test_what_a_softmax_hides_is_compared(monkeypatch):
    pair = trained(D + inner("f", "data") + both("n", "f") + layer("p", "Softmax", "f"))
    fold = files.fold

    def wrong(steps):
        merged = fold(steps)
        merged.steps[1].blobs[1][:] += 1  # the same for all classes
        return merged

    monkeypatch.setattr(files, "fold", wrong)
    assert 'merged, "f" would differ by 1' in refused(*pair, "-o", "merged", code=1)


@pytest.mark.parametrize("value", [np.nan, 3e38])
def test_a_net_that_gives_no_numbers(value):
    net, model = trained(D + conv("c", "data", "num_output: 2 kernel_size: 3") + both("n", "c"))
    own = weights.read_weights(model)
    own["c"][0][:] = value
    graph = resolve(io.read_net(net), caffe_pb2.TEST)
    weights.write_weights(model, "", [(each.message, own[each.name]) for each in graph.layers])
    assert "the net itself gives numbers that are not finite on every random input" in refused(
        net, model, "-o", "merged")


@pytest.mark.parametrize("variance", [-1.0, np.nan])
def test_statistics_of_no_use(variance):
    net, model = trained(D + conv("c", "data") + norm("n", "c", "cc"))
    own = weights.read_weights(model)
    own["n"][1][0] = variance
    graph = resolve(io.read_net(net), caffe_pb2.TEST)
    weights.write_weights(model, "", [(each.message, own[each.name]) for each in graph.layers])
    assert "not finite" in refused(net, model, "-o", "merged")


def test_it_says_what_to_install():
    blocked = ("import sys; sys.modules['torch'] = None; from netbuilder.cli import cli; "
               "cli(['merge-bn', 'a', 'b', '-o', 'c'])")
    done = subprocess.run([sys.executable, "-c", blocked], text=True, capture_output=True,
                          check=False)
    assert done.returncode == 2
    assert done.stderr == ("error: merge-bn computes with numpy and compares with PyTorch, and "
                           'torch is not installed: pip install "netbuilder[train]"\n')
