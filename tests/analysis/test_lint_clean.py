"""What is right has no finding: all that we build, and networks written as in BVLC Caffe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netbuilder.analysis.lint import lint_files
from netbuilder.build import Order, build
from netbuilder.nets import networks
from netbuilder.proto import caffe_pb2

JUDGE = Path(__file__).parents[1] / "caffe_judge.py"
# What is said because the images are not here; only HDF5 files alone tell their shape.
ABSENT = {"hdf5": {"NB111", "NB112", "NB501"}}
KINDS = ("lmdb", "image_list", "memory", "dummy", "hdf5")
BRANCHES = ("normal", "bottleneck", "inception_trick", "inception_trick_bottleneck", "1by1_normal",
            "inception")
SMALL = {"resnet": {"blocks": (1, 2), "num_output_stage1": 64, "num_classes": 5},
         "resnet_cifar10": {"n": 1}}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def order(network: str, options: dict[str, Any], **more: Any) -> Order:
    return Order(networks()[network], {**SMALL.get(network, {}), **options}, **more)


ORDERS = {
    **{f"{network}, {kind}": (network, {}, {"data": kind}) for network in SMALL for kind in KINDS},
    **{f"resnet, {branch}": ("resnet", {"main_branch": branch}, {}) for branch in BRANCHES},
    **{f"resnet_cifar10, {branch}": ("resnet_cifar10", {"main_branch": branch}, {})
       for branch in BRANCHES},
    "resnet, fc_layers": ("resnet", {"fc_layers": True}, {}),
    "alexnet, batch norm": ("alexnet", {"norm": "batch_norm"}, {}),
    "vgg, batch norm": ("vgg", {"batch_norm": True}, {}),
    **{f"{network} as it is": (network, {}, {"data": "dummy"}) for network in networks()
       if network not in SMALL},
}


@pytest.mark.parametrize("case", ORDERS)
def test_what_we_build(case: str) -> None:
    network, options, more = ORDERS[case]
    sources = {name: f"{name}.txt" for name in ("train_source", "test_source")
               if more.get("data") in ("image_list", "hdf5")}
    build(order(network, options, train_val=True, data_options=sources, **more), "out")
    files = sorted(map(str, Path("out").glob("*.prototxt")))
    assert len(files) >= 5  # a chain has a solver for each regime
    absent = ABSENT.get(more.get("data"), {"NB501"})
    assert [str(one) for one in lint_files(files) if one.code not in absent] == []


# Networks in the style of Caffe's own examples, written here.

GAUSS = 'weight_filler { type: "gaussian" std: 0.01 } bias_filler { type: "constant" value: 0.1 }'
XAVIER = 'weight_filler { type: "xavier" } bias_filler { type: "constant" }'
RATES = "param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }"


def data(size: int, channels: int, batch: tuple[int, int] = (8, 4)) -> str:
    return "".join(
        f'layer {{ name: "data" type: "DummyData" top: "data" top: "label" include {{ phase: '
        f"{phase} }} dummy_data_param {{ shape {{ dim: [{count}, {channels}, {size}, {size}] }} "
        f'shape {{ dim: {count} }} data_filler {{ type: "uniform" }} data_filler {{ }} }} }}\n'
        for phase, count in zip(("TRAIN", "TEST"), batch, strict=True))


def layer(name: str, kind: str, bottom: str, rest: str = "", top: str = "") -> str:
    bottoms = " ".join(f'bottom: "{one}"' for one in bottom.split())
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top or name}" {rest} }}\n'


def conv(name: str, bottom: str, count: int, kernel: int, *, rest: str = "",
         fill: str = GAUSS) -> str:
    fields = f"num_output: {count} kernel_size: {kernel} {rest} {fill}"
    return layer(name, "Convolution", bottom, f"{RATES} convolution_param {{ {fields} }}")


def relu(blob: str) -> str:
    return layer(f"relu_{blob}", "ReLU", blob, top=blob)


def pool(name: str, bottom: str, kernel: int, stride: int, *, kind: str = "MAX",
         rest: str = "") -> str:
    return layer(name, "Pooling", bottom, f"pooling_param {{ pool: {kind} kernel_size: {kernel} "
                 f"stride: {stride} {rest} }}")


def full(name: str, bottom: str, count: int, fill: str = GAUSS) -> str:
    return layer(name, "InnerProduct", bottom,
                 f"{RATES} inner_product_param {{ num_output: {count} {fill} }}")


def dropped(blob: str) -> str:
    return layer(f"drop_{blob}", "Dropout", blob, "dropout_param { dropout_ratio: 0.5 }", blob)


def norm(name: str, bottom: str) -> str:
    return layer(name, "LRN", bottom, "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")


def judged(blob: str, weight: str = "") -> str:
    return (layer(f"loss_{blob}", "SoftmaxWithLoss", f"{blob} label", weight)
            + layer(f"top1_{blob}", "Accuracy", f"{blob} label", "include { phase: TEST }")
            + layer(f"top5_{blob}", "Accuracy", f"{blob} label",
                    "include { phase: TEST } accuracy_param { top_k: 5 }"))


def lenet() -> str:
    return (data(28, 1) + conv("conv1", "data", 20, 5, fill=XAVIER) + pool("pool1", "conv1", 2, 2)
            + conv("conv2", "pool1", 50, 5, fill=XAVIER) + pool("pool2", "conv2", 2, 2)
            + full("ip1", "pool2", 500, XAVIER) + relu("ip1") + full("ip2", "ip1", 10, XAVIER)
            + judged("ip2"))


def alexnet(norm_first: bool) -> str:
    """AlexNet normalises before it pools; CaffeNet the other way round."""
    text, blob = data(227, 3), "data"
    for index, conv_rest in enumerate(("stride: 4", "pad: 2 group: 2"), 1):
        text += conv(f"conv{index}", blob, 16 * index, 11 if index == 1 else 5, rest=conv_rest)
        text += relu(f"conv{index}")
        steps = [norm, lambda name, bottom: pool(name, bottom, 3, 2)]
        blob = f"conv{index}"
        for step in steps if norm_first else steps[::-1]:
            text += step(f"after{index}{len(text)}", blob)
            blob = text.rsplit('top: "', 1)[1].split('"')[0]
    for index in (3, 4, 5):
        text += conv(f"conv{index}", blob, 24, 3, rest=f"pad: 1 group: {1 if index == 3 else 2}")
        text += relu(f"conv{index}")
        blob = f"conv{index}"
    text += pool("pool5", "conv5", 3, 2)
    for index, bottom in ((6, "pool5"), (7, "fc6")):
        text += full(f"fc{index}", bottom, 64) + relu(f"fc{index}") + dropped(f"fc{index}")
    return text + full("fc8", "fc7", 10) + judged("fc8")


def inception(name: str, bottom: str) -> str:
    text = conv(f"{name}/1x1", bottom, 8, 1, fill=XAVIER) + relu(f"{name}/1x1")
    for kernel in (3, 5):
        thin, wide = f"{name}/{kernel}x{kernel}_reduce", f"{name}/{kernel}x{kernel}"
        text += conv(thin, bottom, 4, 1, fill=XAVIER) + relu(thin)
        text += conv(wide, thin, 8, kernel, rest=f"pad: {kernel // 2}", fill=XAVIER) + relu(wide)
    text += pool(f"{name}/pool", bottom, 3, 1, rest="pad: 1")
    text += conv(f"{name}/pool_proj", f"{name}/pool", 8, 1, fill=XAVIER)
    text += relu(f"{name}/pool_proj")
    parts = " ".join(f"{name}/{part}" for part in ("1x1", "3x3", "5x5", "pool_proj"))
    return text + layer(f"{name}/output", "Concat", parts)


def googlenet() -> str:
    """A stem, two modules, and a second classifier on the way."""
    text = data(64, 3) + conv("conv1", "data", 16, 7, rest="stride: 2 pad: 3", fill=XAVIER)
    text += relu("conv1") + pool("pool1", "conv1", 3, 2) + norm("norm1", "pool1")
    text += inception("3a", "norm1")
    text += pool("aux/pool", "3a/output", 5, 3, kind="AVE") + full("aux/fc", "aux/pool", 32, XAVIER)
    text += relu("aux/fc") + dropped("aux/fc") + full("aux/out", "aux/fc", 10, XAVIER)
    text += judged("aux/out", "loss_weight: 0.3") + inception("3b", "3a/output")
    text += pool("pool5", "3b/output", 16, 1, kind="AVE") + dropped("pool5")
    return text + full("out", "pool5", 10, XAVIER) + judged("out")


def siamese() -> str:
    """Two towers with the same weights."""
    text = ('layer { name: "pair" type: "DummyData" top: "a" top: "b" top: "sim" dummy_data_param '
            "{ shape { dim: [8, 1, 28, 28] } shape { dim: [8, 1, 28, 28] } shape { dim: 8 } } }\n")
    for side in "ab":
        shared = 'param { name: "w" lr_mult: 1 } param { name: "bias" lr_mult: 2 }'
        text += layer(f"feat_{side}", "InnerProduct", side,
                      f"{shared} inner_product_param {{ num_output: 2 {XAVIER} }}")
    return text + layer("loss", "ContrastiveLoss", "feat_a feat_b sim")


def autoencoder() -> str:
    text = data(28, 1).replace('top: "label" ', "").replace(
        "shape { dim: 8 }", "").replace("shape { dim: 4 }", "").replace(
        " data_filler { } }", " }")
    text += layer("flat", "Flatten", "data") + full("encode", "flat", 30)
    text += layer("code", "Sigmoid", "encode") + full("decode", "code", 784)
    text += layer("cross", "SigmoidCrossEntropyLoss", "decode flat", "loss_weight: 1")
    text += layer("decoded", "Sigmoid", "decode")
    return text + layer("l2", "EuclideanLoss", "decoded flat", "loss_weight: 0")


def recurrent() -> str:
    shapes = "shape { dim: [5, 2, 8] } shape { dim: [5, 2] } shape { dim: [5, 2] }"
    text = ('layer { name: "data" type: "DummyData" top: "x" top: "cont" top: "label" '
            f"dummy_data_param {{ {shapes} }} }}\n")
    text += layer("lstm", "LSTM", "x cont", 'recurrent_param { num_output: 6 weight_filler { type: '
                  '"uniform" min: -0.1 max: 0.1 } }')
    text += layer("out", "InnerProduct", "lstm", f"inner_product_param {{ num_output: 4 axis: 2 "
                  f"{XAVIER} }}")
    return text + layer("loss", "SoftmaxWithLoss", "out label", "softmax_param { axis: 2 }")


STYLES = {
    "LeNet": lenet(), "AlexNet": alexnet(norm_first=True), "CaffeNet": alexnet(norm_first=False),
    "GoogLeNet": googlenet(), "siamese": siamese(), "autoencoder": autoencoder(),
    "recurrent": recurrent(),
}


@pytest.mark.parametrize("style", STYLES)
def test_networks_in_the_style_of_caffe(style: str) -> None:
    Path("net.prototxt").write_text(STYLES[style])
    Path("solver.prototxt").write_text(
        'net: "net.prototxt" test_iter: 10 test_interval: 500 base_lr: 0.01 momentum: 0.9 '
        'weight_decay: 0.0005 lr_policy: "inv" gamma: 0.0001 power: 0.75 display: 100 '
        'max_iter: 10000 snapshot: 5000 snapshot_prefix: "net" solver_mode: CPU')
    assert [str(one) for one in lint_files(["net.prototxt", "solver.prototxt"])] == []


@pytest.mark.caffe
def test_real_caffe_loads_them(run_caffe: Callable[..., Any], tmp_path: Path) -> None:
    nets = tmp_path / "nets.json"
    nets.write_text(json.dumps([[text, phase] for text in STYLES.values()
                                for phase in (caffe_pb2.TRAIN, caffe_pb2.TEST)]))
    assert [one["refused"] for one in run_caffe(JUDGE, nets) if "refused" in one] == []
