"""Networks as they are built and published, merged and compared in both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from merge_nets import FACTORS, both, conv, layer, source, write

from netbuilder import weights
from netbuilder.analysis.costs import costs
from netbuilder.cli import cli
from netbuilder.graph import resolve
from netbuilder.merge.files import merge_files
from netbuilder.proto import caffe_pb2, io

BUILT = {"cifar": ("resnet_cifar10", "-n", "2"),
         "bottleneck": ("resnet", "-m", "bottleneck", "-b", "1", "1", "1", "1", "-n", "64"),
         "inception": ("resnet", "-m", "inception_trick", "-b", "1", "1", "-n", "64")}


def mask(name: str, bottom: str) -> str:
    """Torch's spatial dropout of stock layers: a Scale by a mask, 1 - p in TEST."""
    return (layer(f"{name}/pool", "Pooling", bottom, f"{name}/pool",
                  "pooling_param { pool: AVE global_pooling: true }")
            + layer(f"{name}/flat", "Flatten", f"{name}/pool")
            + layer(f"{name}/one", "Power", f"{name}/flat", f"{name}/one",
                    "power_param { scale: 0 shift: 0.9 }")
            + layer(f"{name}/drop", "Dropout", f"{name}/one", f"{name}/one",
                    "dropout_param { dropout_ratio: 0.1 }")
            + layer(name, "Scale", f"{bottom} {name}/one", name, "scale_param { axis: 0 }"))


ENET = (
    source(2, 3, 16, 16)
    + conv("conv0", "data", "num_output: 13 kernel_size: 3 pad: 1 stride: 2")
    + layer("pool0", "Pooling", "data", "pool0", "pooling_param { kernel_size: 2 stride: 2 }")
    + layer("stem", "Concat", "conv0 pool0") + both("bn0", "stem", top="stem")
    + layer("prelu0", "PReLU", "stem", "stem")
    + conv("a", "stem", "num_output: 4 kernel_size: 2 stride: 2 bias_term: false")
    + both("bn_a", "a") + layer("prelu_a", "PReLU", "a", "a")
    + conv("b1", "a", "num_output: 4 kernel_h: 1 kernel_w: 5 pad_w: 2 bias_term: false")
    + conv("b2", "b1", "num_output: 4 kernel_h: 5 kernel_w: 1 pad_h: 2")
    + both("bn_b", "b2") + layer("prelu_b", "PReLU", "b2", "b2")
    + conv("d", "b2", "num_output: 16 kernel_size: 1 bias_term: false") + both("bn_d", "d")
    + mask("drop", "d")
    + layer("pool", "Pooling", "stem", "pool", "pooling_param { kernel_size: 2 stride: 2 }")
    + layer("sum", "Eltwise", "drop pool") + layer("prelu", "PReLU", "sum", "sum"))


def built(name: str, folder: Path) -> str:
    done = CliRunner().invoke(cli, ["build", *BUILT[name], "-o", str(folder)],
                              catch_exceptions=False)
    assert done.exit_code == 0
    return (folder / "deploy.prototxt").read_text()


@pytest.mark.caffe
@pytest.mark.parametrize("name", BUILT)
def test_built_networks_lose_their_batch_norms(name, tmp_path, by_us, by_caffe):
    pairs = []
    factors = FACTORS if name == "cifar" else FACTORS[2:3]
    for factor in factors:
        folder = tmp_path / str(factor)
        before = write(built(name, tmp_path / "built"), folder, 7, factor)
        outcome = merge_files(*map(str, before), str(folder / "merged"))
        pairs.append((before, (Path(outcome.net), Path(outcome.weights))))
        assert not outcome.merged.scales and not outcome.merged.left
        check_counts(before[0], outcome.net)
    assert max(by_caffe(pairs)) <= 1e-4
    assert max(by_us(*pair) for pair in pairs) <= 1e-4


def check_counts(before: Path, after: str) -> None:
    """What is gone is exactly what the batch norms and scales had, less the biases they left."""
    then, now = (resolve(io.read_net(path), caffe_pb2.TEST) for path in (before, after))
    assert not {"BatchNorm", "Scale"} & {layer_.type for layer_ in now.layers}
    gone = sum(blob.count for each in then.layers if each.type in ("BatchNorm", "Scale")
               for blob in each.blobs)
    with_bias = {each.name for each in then.layers if len(each.blobs) == 2}
    added = sum(each.blobs[1].count for each in now.layers
                if len(each.blobs) == 2 and each.name not in with_bias)
    assert (costs(now).totals["stored_values"]
            == costs(then).totals["stored_values"] - gone + added)
    assert costs(now).totals["macs"] == costs(then).totals["macs"]


@pytest.mark.caffe
def test_enets_stem_is_one_scale_and_its_dropout_stays(tmp_path, by_us, by_caffe):
    before = write(ENET, tmp_path, factor=9.99973)
    outcome = merge_files(*map(str, before), str(tmp_path / "merged"))
    assert [str(chain) for chain, _ in outcome.merged.scales] == [
        '"bn0/bn" (BatchNorm), "bn0/scale" (Scale)']
    assert not outcome.merged.left
    scales = [each.name for each in io.read_net(outcome.net).layer if each.type == "Scale"]
    assert scales == ["bn0/scale", "drop"]
    pair = before, (Path(outcome.net), Path(outcome.weights))
    assert by_us(*pair) <= 1e-4
    assert by_caffe([pair])[0] <= 1e-4


def test_a_scale_by_hand_equals_the_sheets_formula(tmp_path):
    """a = gamma / sqrt(v + eps), and beta - m * a, of sums and their weight."""
    before = write(ENET, tmp_path, factor=3.7)
    outcome = merge_files(*map(str, before), str(tmp_path / "merged"))
    mean, variance, weight = weights.read_weights(before[1])["bn0/bn"]
    gamma, beta = weights.read_weights(before[1])["bn0/scale"]
    a = gamma / (variance / weight + 1e-3) ** 0.5
    made = weights.read_weights(outcome.weights)["bn0/scale"]
    assert made[0] == pytest.approx(a, rel=1e-5)
    assert made[1] == pytest.approx(beta - mean / weight * a, rel=1e-4, abs=1e-5)


# Network -> what builds it, and the values that are left. ENet's first batch norm, on a
# concatenation, is one Scale then; the rest of a network's batch norms is biases.
PUBLISHED = {
    "enet_v2": (("enet_v2",), 522_948), "enet_v3": (("enet_v3",), 2_091_332),
    "nin": (("nin",), 8_644_776),
    "inception_resnet_v2": (("inception_resnet_v2", "--crop-size", "107"),
                            31_574_440 - 2 * 39_984 + 39_984),
}


@pytest.mark.slow
@pytest.mark.caffe
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_lose_their_batch_norms(name, tmp_path, by_us, by_caffe):
    arguments, left = PUBLISHED[name]
    done = CliRunner().invoke(cli, ["build", *arguments, "-o", str(tmp_path / "built")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "built" / "deploy.prototxt").read_text()
    before = write(text, tmp_path / "net", 7, FACTORS[1])
    outcome = merge_files(*map(str, before), str(tmp_path / "merged"))
    after = Path(outcome.net), Path(outcome.weights)
    totals = costs(resolve(io.read_net(after[0]), caffe_pb2.TEST)).totals
    assert totals["stored_values"] == left
    assert max(by_caffe([(before, after)])) <= 1e-4
    assert by_us(before, after) <= 1e-4
