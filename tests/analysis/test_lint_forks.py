"""What only forks have: real Caffe's own descriptors are the judge of the table of names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netbuilder.analysis.lint import lint
from netbuilder.analysis.lint.stock import STOCK
from netbuilder.layer import layer_types

DESCRIPTORS = """
import json
from caffe.proto import caffe_pb2
names = {}
def walk(message):
    if message.full_name in names:
        return
    names[message.full_name] = sorted(field.name for field in message.fields)
    for field in message.fields:
        if field.message_type:
            walk(field.message_type)
        if field.enum_type:
            names[field.enum_type.full_name] = sorted(v.name for v in field.enum_type.values)
walk(caffe_pb2.NetParameter.DESCRIPTOR)
walk(caffe_pb2.SolverParameter.DESCRIPTOR)
print(json.dumps(names))
"""


@pytest.mark.caffe
def test_stock_is_what_real_caffe_has(run_caffe: Callable[..., Any]) -> None:
    real = run_caffe(DESCRIPTORS)
    assert {name.removeprefix("caffe."): set(names) for name, names in real.items()} == STOCK


@pytest.mark.parametrize("text, told", [
    ('layer { name: "x" type: "Pooling" pooling_param { torch_pooling: false } }\n'
     'layer { name: "y" type: "Pooling" pooling_param { torch_pooling: true } }',
     ["1:1 the field torch_pooling (PoolingParameter)"]),
    ('default_forward_type: FLOAT16\nlayer { name: "x" type: "ReLU" }',
     ["1:1 the field default_forward_type (NetParameter)"]),
    ('\n layer { name: "x" type: "SoftmaxWithLoss" loss_param { normalization: PRE_FIXED } }',
     ["2:2 normalization: PRE_FIXED (LossParameter)"]),
    ('base_lr: 1\n min_lr: 0', ["2:2 the field min_lr (SolverParameter)"]),
    ('layers { name: "x" type: POOLING pooling_param { pool: MAX } }', []),
])
def test_a_field_of_a_fork_is_told_once(text: str, told: list[str], tmp_path: Path) -> None:
    path = tmp_path / "file.prototxt"
    path.write_text(text)
    lead = "real Caffe cannot read the file: only forks have "
    assert [f"{one.line}:{one.column} {one.sentence.removeprefix(lead)}"
            for one in lint(path) if one.code == "NB114"] == told


@pytest.mark.parametrize("kind", sorted(name for name, one in layer_types().items() if one.fork))
def test_a_type_of_a_fork_names_the_fork_and_is_no_error(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(f'layer {{ name: "a" type: "{kind}" }}\nlayer {{ name: "b" type: "{kind}" }}')
    [finding] = [one for one in lint(path) if one.code == "NB113"]
    assert (finding.severity, finding.layer) == ("warning", "a")
    assert f"({layer_types()[kind].fork})" in finding.sentence
