"""The linter row by row: clashing shapes, labels, fillers, batch normalisation."""

from __future__ import annotations

from pathlib import Path

import lint_cases as cases
import pytest

from netbuilder.analysis.lint import Finding, lint

CONV = cases.CONV
POOL = cases.layer("pool", "Pooling", "conv", "pooling_param { kernel_size: 2 stride: 2 }")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(text: str, code: str) -> list[Finding]:
    Path("net.prototxt").write_text(text)
    return [one for one in lint("net.prototxt") if one.code == code]


def joined(kind: str, bottom: str, rest: str = "", *, before: str = "") -> str:
    return cases.INPUT + CONV + POOL + before + cases.layer("join", kind, bottom, rest)


def labelled(label: str, shape: str = "dim: 4") -> str:
    start = cases.INPUT.replace("shape { dim: 4 }", f"shape {{ {shape} }}")
    return start + cases.fc("data") + label


# Each with the shapes and the makers that its sentence tells.
CLASHES = {
    "Eltwise": (joined("Eltwise", "conv pool"), {"4x4x8x8": "conv", "4x4x4x4": "pool"}),
    "Concat": (joined("Concat", "data pool"), {"4x3x8x8": "in", "4x4x4x4": "pool"}),
    "Scale": (joined("Scale", "conv pool", "scale_param { axis: 0 }"),
              {"4x4x8x8": "conv", "4x4x4x4": "pool"}),
    "Bias": (joined("Bias", "conv pool", "bias_param { axis: 0 }"),
             {"4x4x8x8": "conv", "4x4x4x4": "pool"}),
    "Crop": (joined("Crop", "pool conv"), {"4x4x8x8": "conv", "4x4x4x4": "pool"}),
    "BatchReindex": (joined("BatchReindex", "conv pool"), {"4x4x8x8": "conv", "4x4x4x4": "pool"}),
    "Filter": (joined("Filter", "conv pool"), {"4x4x8x8": "conv", "4x4x4x4": "pool"}),
    "a window": (joined("Convolution", "pool", "convolution_param { num_output: 1 kernel_size: 5 "
                        "}"), {"4x4x4x4": "pool"}),
    "Reshape": (joined("Reshape", "pool", "reshape_param { shape { dim: [3, -1] } }"),
                {"4x4x4x4": "pool"}),
    "Slice": (joined("Slice", "conv", "slice_param { slice_point: 9 } top: 'b'"),
              {"4x4x8x8": "conv"}),
    "in place": (cases.INPUT + CONV + POOL + cases.layer(
        "tight", "Convolution", "pool", "convolution_param { num_output: 2 kernel_size: 9 }"),
        {"4x4x4x4": "pool"}),
}


@pytest.mark.parametrize("case", CLASHES)
def test_a_clash_tells_each_shape_and_where_it_comes_from(case: str) -> None:
    text, shapes = CLASHES[case]
    [finding] = found(text, "NB104")
    for shape, maker in shapes.items():
        assert f'({shape}) comes from layer "{maker}"' in finding.sentence, finding.sentence
    assert finding.severity == "error" and finding.line is not None


LABELS = {
    "SoftmaxWithLoss": "dim: [4, 2]",
    "Accuracy": "dim: [4, 2]",
    "MultinomialLogisticLoss": "dim: [4, 3]",
    "SigmoidCrossEntropyLoss": "dim: [4, 3]",
    "EuclideanLoss": "dim: [4, 3]",
    "InfogainLoss": "dim: [4, 2]",
    "ContrastiveLoss": "dim: [4, 3]",
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_that_do_not_match_the_predictions(kind: str) -> None:
    third = " label" if kind == "ContrastiveLoss" else ""
    text = labelled(cases.layer("judge", kind, f"fc label{third}"), LABELS[kind])
    [finding] = found(text, "NB107")
    size = LABELS[kind][-2]
    assert f'"label" (4x{size}) comes from layer "in"' in finding.sentence
    assert '"fc" (4x5) comes from layer "fc" (InnerProduct)' in finding.sentence


@pytest.mark.parametrize("kind, shape", [
    ("SoftmaxWithLoss", "dim: 4"), ("SoftmaxWithLoss", "dim: [4, 1, 1, 1]"),
    ("EuclideanLoss", "dim: [4, 5]"), ("SigmoidCrossEntropyLoss", "dim: [4, 5, 1, 1]"),
])
def test_labels_that_match(kind: str, shape: str) -> None:
    text = labelled(cases.layer("judge", kind, "fc label"), shape)
    assert not found(text, "NB107")


SPATIAL = "convolution_param { num_output: 4 kernel_size: 1 FILLER }"
# A layer whose weight gets a filler in the place of FILLER.
LEARNERS = {
    "Convolution": cases.layer("it", "Convolution", "data", SPATIAL),
    "Deconvolution": cases.layer("it", "Deconvolution", "data", SPATIAL),
    "InnerProduct": cases.layer("it", "InnerProduct", "data",
                                "inner_product_param { num_output: 4 FILLER }"),
    "Embed": cases.layer("it", "Embed", "label", "embed_param { num_output: 4 input_dim: 9 "
                         "FILLER }"),
}
FILLERS = {
    "": {"NB401"},
    "weight_filler { }": {"NB401"},
    'weight_filler { type: "constant" }': {"NB401"},
    'weight_filler { type: "constant" value: 0 }': {"NB401"},
    "weight_filler { value: 0.5 }": {"NB402"},
    'weight_filler { type: "gaussian" std: 0.01 }': set(),
    'weight_filler { type: "msra" } bias_filler { value: 1 }': set(),
    'weight_filler { type: "uniform" min: 1 max: 1 }': {"NB402"},
    'weight_filler { type: "uniform" min: 0 max: 0 }': {"NB401"},
}


@pytest.mark.parametrize("filler", FILLERS)
@pytest.mark.parametrize("kind", LEARNERS)
def test_fillers_that_are_missing_or_inert(kind: str, filler: str) -> None:
    text = cases.net(LEARNERS[kind].replace("FILLER", filler), bottom="it")
    told = {code for code in ("NB401", "NB402") for one in found(text, code) if one.layer == "it"}
    assert told == FILLERS[filler]
    frozen = text.replace('name: "it"', 'name: "it" param { lr_mult: 0 }')
    assert not found(frozen, "NB401") and not found(frozen, "NB402")
    deployed = text.replace(cases.LOSS, "")
    assert not found(deployed, "NB401") and not found(deployed, "NB402")


@pytest.mark.parametrize("text, told", [
    (cases.conv("it", "data", cases.FILLER + " bias_term: false bias_filler { }"), {"NB404"}),
    (cases.conv("it", "data", cases.FILLER + " bias_filler { value: 1 }"), set()),
    (cases.conv("it", "data", cases.FILLER + " bias_term: false"), set()),
    (cases.layer("it", "Scale", "data", "scale_param { bias_filler { value: 1 } }"), {"NB403"}),
    (cases.layer("it", "Scale", "data", "scale_param { bias_term: true bias_filler { } }"), set()),
])
def test_a_bias_filler_without_a_bias(text: str, told: set[str]) -> None:
    net = cases.net(text, bottom="it")
    assert {code for code in ("NB403", "NB404") if found(net, code)} == told


def normed(fields: str = "", scale: str = cases.SCALE, shape: str = "4, 3, 8, 8",
           rest: str = cases.LOSS) -> str:
    bn = cases.over("BatchNorm", f"batch_norm_param {{ {fields} }}", name="bn")
    text = (cases.INPUT.replace("4, 3, 8, 8", shape).replace("dim: 4 }", f"dim: {shape[0]} }}")
            + CONV + bn + scale + cases.fc("conv") + rest)
    return text


TRAIN, TEST = cases.LOSS, ""
NORMS = {  # a net -> the codes of its findings about batch normalisation
    "as it should be": (normed(), set()),
    "deployed": (normed(rest=TEST), set()),
    "no Scale": (normed(scale=""), {"NB301"}),
    "no Scale, deployed": (normed(scale="", rest=TEST), {"NB301"}),
    "something between": (normed(scale=cases.over("ReLU") + cases.SCALE), {"NB301"}),
    "frozen in training": (normed("use_global_stats: true"), {"NB302"}),
    "frozen in test": (normed("use_global_stats: true", rest=TEST), set()),
    "not frozen in training": (normed("use_global_stats: false"), set()),
    "not frozen in test": (normed("use_global_stats: false", rest=TEST), {"NB303"}),
    "one value": (normed(shape="1, 3, 1, 1"), {"NB304"}),
    "one value, frozen": (normed("use_global_stats: true", shape="1, 3, 1, 1"), {"NB302"}),
    "one value, deployed": (normed(shape="1, 3, 1, 1", rest=TEST), set()),
    "two images": (normed(shape="2, 3, 1, 1"), set()),
    "two places": (normed(shape="1, 3, 1, 2"), set()),
}


@pytest.mark.parametrize("case", NORMS)
def test_batch_normalisation(case: str) -> None:
    text, codes = NORMS[case]
    assert {code for code in ("NB301", "NB302", "NB303", "NB304") if found(text, code)} == codes
