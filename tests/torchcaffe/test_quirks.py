"""docs/caffe-semantics.md in numbers: real Caffe and the engine both give what was worked out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from against import Numbers, by_caffe, by_us
from quirks import QUIRKS, Quirk, one

pytestmark = [pytest.mark.caffe, pytest.mark.torch]

DROPOUT = Quirk(one("Dropout", "dropout_param { dropout_ratio: 0.25 }"),
                {"data/x": np.ones((40, 100)), "diff/out": np.ones((40, 100))}, {})
CASES = {name: quirk.case(name) for name, quirk in {**QUIRKS, "dropout": DROPOUT}.items()}


@pytest.fixture(scope="module")
def caffes(run_caffe, tmp_path_factory) -> dict[str, Numbers]:
    return by_caffe(run_caffe, CASES, tmp_path_factory.mktemp("quirks"))


@pytest.mark.parametrize("name", QUIRKS)
def test_both_engines_give(name, caffes, tmp_path):
    for who, found in (("real Caffe", caffes[name]), ("we", by_us(CASES[name], tmp_path))):
        for place, values in QUIRKS[name].expected.items():
            np.testing.assert_allclose(found[place], values, rtol=1e-4, atol=1e-6,
                                       err_msg=f"{who}: {place}")


def test_dropout_scales_in_training_and_hands_on_the_same_mask(caffes, tmp_path):
    for found in (caffes["dropout"], by_us(CASES["dropout"], tmp_path)):
        top = found["data/out"]
        np.testing.assert_allclose(np.unique(top), [0, 4 / 3], rtol=1e-6)
        assert (top == 0).mean() == pytest.approx(0.25, abs=0.03)
        np.testing.assert_array_equal(found["diff/x"], top)


def test_the_document_names_every_row():
    text = (Path(__file__).parents[2] / "docs" / "caffe-semantics.md").read_text()
    rows = " ".join(re.findall(r"quirks: ((?:`[^`]+`(?:, )?)+)", text))
    assert sorted(re.findall(r"`([^`]+)`", rows)) == sorted(QUIRKS)
