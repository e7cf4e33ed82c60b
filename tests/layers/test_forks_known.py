"""Which types are known: all that are promised, all that are documented, none twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netbuilder.layer import layer_types

PROMISED = {
    "Interp", "Permute", "Normalize", "PriorBox", "DetectionOutput", "MultiBoxLoss", "ROIPooling",
    "PSROIPooling", "Proposal", "ReLU6", "ShuffleChannel", "DepthwiseConvolution",
    "ConvolutionDepthwise", "Upsample", "Unpooling", "Axpy", "BN", "CReLU", "Reorg", "Region",
    "RegionLoss", "SmoothL1Loss", "BoxAnnotatorOHEM", "AnnotatedData", "DenseImageData",
    "DetectionEvaluate", "CenterLoss", "PriorBoxClustered", "SmoothL1LossOHEM",
    "SoftmaxWithLossOHEM", "Yolov3", "YoloDetectionOutput", "Yolov3DetectionOutput",
    "EvalDetection", "BoxData", "ImageSegData", "VideoData", "SegAccuracy", "MatWrite", "MatRead",
    "CTCGreedyDecoder", "CTCBeamSearchDecoder", "Correlation", "Correlation1D", "FlowWarp",
    "Resample", "Downsample", "Accum", "ChannelNorm", "Mean", "L1Loss", "FLOWriter", "CustomData",
    "FloatReader", "ImgReader", "ImageLabelmapData", "LaneData", "DetectNetTransformation", "TRT",
}
FORKS = {name for name, cls in layer_types().items() if cls.fork}


def test_what_released_models_use_is_known():
    assert PROMISED == FORKS


def test_the_document_lists_every_type_and_where_it_is_from():
    text = Path(__file__).parents[2].joinpath("docs", "layers.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE)
    assert dict(rows) == {name: cls.fork or "real Caffe" for name, cls in layer_types().items()}
    assert len(rows) == len(layer_types())


@pytest.mark.caffe
def test_real_caffe_has_exactly_the_others(run_caffe: Callable[..., Any]) -> None:
    """So no rule of a fork can hide one of real Caffe's."""
    real = run_caffe("import caffe, json; print(json.dumps(list(caffe.layer_type_list())))")
    assert set(real) == set(layer_types()) - FORKS
