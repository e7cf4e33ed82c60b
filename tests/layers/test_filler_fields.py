"""Fillers are checked by name where the file is read, as Caffe does when it makes the layer."""

from __future__ import annotations

import pytest

from netbuilder.errors import ShapeError
from netbuilder.layer import FILLERS
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
