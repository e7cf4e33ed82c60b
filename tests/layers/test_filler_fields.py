"""Fillers are checked by name where the file is read, as Caffe does when it makes the layer."""

from __future__ import annotations

import pytest

from netbuilder.errors import ShapeError
from netbuilder.filler import FILLERS
from netbuilder.spec import L


def test_an_unknown_filler_is_an_error_on_its_line() -> None:
    data = L.Input(shape={"dim": [1, 4]})
    with pytest.raises(ShapeError, match=r'called "xaviar"; did you mean "xavier"\?'):
        L.InnerProduct(data, num_output=2, weight_filler={"type": "xaviar"})
    with pytest.raises(ShapeError, match="; known: bilinear, constant, gaussian, msra"):
        L.DummyData(shape={"dim": 1}, data_filler=[{"type": "zeros"}])


def test_a_filler_that_is_not_used_is_not_looked_at() -> None:
    data = L.Input(shape={"dim": [1, 4]})
    L.InnerProduct(data, num_output=2, bias_filler={"type": "zeros"}, bias_term=False)
    with pytest.raises(ShapeError, match="zeros"):
        L.InnerProduct(data, num_output=2, bias_filler={"type": "zeros"})


@pytest.mark.torch
def test_the_embedded_engine_has_them_all() -> None:
    pytest.importorskip("torch")
    from netbuilder.torchcaffe import fillers

    assert sorted(fillers.FILLERS) == sorted(FILLERS)


def test_a_filler_without_a_blob_is_not_looked_at() -> None:
    wrong = {"type": "zeros"}
    data, factor = L.Input(shape={"dim": [1, 4, 5, 5]}), L.Input(shape={"dim": [4]})
    for top in (L.Scale(data, factor, filler=wrong), L.Bias(data, factor, filler=wrong)):
        assert top.shape == (1, 4, 5, 5)
    im2col = L.Im2col(data, convolution_param={"kernel_size": 2, "weight_filler": wrong})
    assert im2col.shape == (1, 16, 4, 4)


@pytest.mark.parametrize(("filler", "words"), [
    ({"type": "xavier", "sparse": 2}, "sparse is for the gaussian filler only, not for xavier"),
    ({"type": "gaussian", "std": 0}, "the gaussian filler: std must be greater than 0, not 0"),
    ({"type": "gaussian", "sparse": 3}, "sparse must lie between 0 and the first dimension 2"),
    ({"type": "uniform", "min": 2, "max": 1}, "min 2 is above max 1"),
    ({"type": "bilinear"}, "a blob of 4 axes with a square kernel, not 2x4"),
])
def test_what_a_filler_cannot_do(filler: dict, words: str) -> None:
    with pytest.raises(ShapeError, match=f"its weight blob: .*{words}"):
        L.InnerProduct(L.Input(shape={"dim": [1, 4]}), num_output=2, weight_filler=filler)


def test_a_constant_fills_dummy_data_at_once_and_anything_else_later() -> None:
    L.DummyData(shape={"dim": 1}, data_filler=[{"type": "gaussian", "std": 0}])
    with pytest.raises(ShapeError, match="sparse is for the gaussian filler only"):
        L.DummyData(shape={"dim": 1}, data_filler=[{"type": "constant", "sparse": 1}])
