"""The recipes of the classic and residual networks: the solvers as they were published."""

from __future__ import annotations

from typing import Any

import pytest

from netbuilder.build import Order, plan
from netbuilder.nets import find_network, networks
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

STEPS = {"lr_policy": "multistep", "gamma": 0.1, "base_lr": 0.1, "weight_decay": 1e-4,
         "momentum": 0.9, "iter_size": 8}
# Network -> what its solver says at the published batch.
PUBLISHED: dict[str, dict[str, Any]] = {
    "alexnet": {"base_lr": 0.01, "lr_policy": "step", "gamma": 0.1, "stepsize": 100_000,
                "max_iter": 450_000, "momentum": 0.9, "weight_decay": 5e-4, "iter_size": 1,
                "test_interval": 1000, "test_iter": [1000], "snapshot": 10_000},
    "googlenet": {"base_lr": 0.01, "lr_policy": "poly", "power": 0.5, "max_iter": 2_400_000,
                  "momentum": 0.9, "weight_decay": 2e-4, "iter_size": 1, "test_interval": 4000,
                  "test_iter": [1000], "average_loss": 40, "snapshot": 40_000},
    "squeezenet": {"base_lr": 0.04, "lr_policy": "poly", "power": 1, "max_iter": 170_000,
                   "momentum": 0.9, "weight_decay": 2e-4, "iter_size": 16, "test_iter": [2000],
                   "test_interval": 1000, "average_loss": 40},
    "vgg16": {"base_lr": 0.01, "gamma": 0.1, "stepvalue": [92_500, 185_000, 277_500],
              "max_iter": 370_000, "momentum": 0.9, "weight_decay": 5e-4, "iter_size": 4},
    "preact_resnet200": {**STEPS, "stepvalue": [150_000, 300_000], "max_iter": 450_000},
    "resnext50": {**STEPS, "type": "Nesterov", "stepvalue": [150_000, 300_000, 450_000],
                  "max_iter": 600_000},
    "se_resnet50": {"base_lr": 0.6, "lr_policy": "step", "gamma": 0.1, "stepsize": 37_530,
                    "max_iter": 125_100, "iter_size": 32, "weight_decay": 1e-4},
    "wide_resnet": {"type": "Nesterov", "base_lr": 0.1, "gamma": 0.2, "max_iter": 78_200,
                    "stepvalue": [23_460, 46_920, 62_560], "weight_decay": 5e-4, "iter_size": 1},
}


def solver(name: str, options: dict[str, Any] | None = None, **order: Any) -> Any:
    files = plan(Order(find_network(name), options or {}, **order), "out").files
    return parse(files["solver.prototxt"], caffe_pb2.SolverParameter())


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_solver(name: str) -> None:
    made = solver(name)
    for field, value in PUBLISHED[name].items():
        found = getattr(made, field)
        assert (list(found) if isinstance(value, list) else found) == (
            pytest.approx(value) if isinstance(value, float) else value), field
    assert made.snapshot_prefix == f"out/{name}"


def test_pre_activation_on_cifar10_ends_where_the_paper_does() -> None:
    made = solver("resnet_cifar10", {"main_branch": "preact_bottleneck"})
    assert (list(made.stepvalue), made.max_iter) == ([32_000, 48_000], 64_000)
    assert solver("resnet_cifar10").max_iter == 60_000


@pytest.mark.parametrize(("name", "images"), [
    ("alexnet", 256), ("googlenet", 32), ("squeezenet", 512), ("vgg16", 256), ("resnext50", 256),
    ("se_resnet50", 1024), ("resnet50", 256)])
def test_the_end_follows_epochs_batch_and_devices(name: str, images: int) -> None:
    """As many images in all, whatever the batch; the steps stay where they are."""
    for more, batch in (({}, images), ({"data_options": {"batch_size": 2 * images}}, 2 * images),
                        ({"devices": 2, "data_options": {"batch_size": images}}, 2 * images)):
        made = solver(name, epochs=10, **more)
        assert abs(made.max_iter * batch - 10 * 1_281_167) <= batch
        whole = solver(name, **more)
        assert (list(made.stepvalue), made.stepsize) == (list(whole.stepvalue), whole.stepsize)


@pytest.mark.parametrize("name", sorted(networks()))
def test_no_recipe_is_deaf_to_epochs(name: str) -> None:
    """Twice the epochs are twice the iterations, of all solvers together."""
    few, more = (_iterations(name, epochs) for epochs in (4, 8))
    assert more == pytest.approx(2 * few, abs=1)


def _iterations(name: str, epochs: float) -> int:
    files = plan(Order(find_network(name), epochs=epochs), "out").files
    return sum(parse(text, caffe_pb2.SolverParameter()).max_iter
               for file, text in files.items() if file.startswith("solver"))


@pytest.mark.parametrize(("name", "facts"), [
    ("alexnet", ["450,000", "57.258 %", "bvlc_alexnet", "top-1 accuracy 0.571"]),
    ("googlenet", ["60 epochs", "0.3 each", "top-5 accuracy 0.889"]),
    ("squeezenet", ["16 batches of 32", "top-1 accuracy 0.575"]),
    ("vgg19", ["74 epochs", "top-5 accuracy 0.92", "scale jittering"]),
    ("preact_resnet200", ["3 weeks", "320x320", "https://arxiv.org/abs/1603.05027"]),
    ("wide_resnet", ["200 epochs", "top-1 accuracy 0.96", "median of 5 runs"]),
])
def test_the_card_tells_how_it_was_trained(name: str, facts: list[str]) -> None:
    card = plan(Order(find_network(name)), "out").files["README.md"]
    assert [fact for fact in facts if fact not in " ".join(card.split())] == []


def test_images_are_prepared_as_they_were() -> None:
    """Mean colors of the training; a deviation of each channel where the source had one."""
    def train(name: str) -> Any:
        files = plan(Order(find_network(name)), "out").files
        return parse(files["train.prototxt"], caffe_pb2.NetParameter()).layer

    transform = train("vgg16")[0].transform_param
    assert list(transform.mean_value) == pytest.approx([103.939, 116.779, 123.68])
    assert transform.crop_size == 224
    assert [layer.type for layer in train("wide_resnet")[1:6]] == [
        "Slice", "Power", "Power", "Power", "Concat"]
    losses = [(layer.name, list(layer.loss_weight)) for layer in train("googlenet")
              if layer.type == "SoftmaxWithLoss"]
    assert [weight for _, weight in losses] == [pytest.approx([0.3]), pytest.approx([0.3]), []]
