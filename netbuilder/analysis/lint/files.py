"""Rules about files that a net names. Their paths are relative to the current folder."""

from __future__ import annotations

import os

from netbuilder.analysis.lint.findings import NET, WARNING, Found, rule
from netbuilder.analysis.lint.walk import Walk

_SOURCES = {"Data": "data_param", "ImageData": "image_data_param", "HDF5Data": "hdf5_data_param",
            "WindowData": "window_data_param", "InfogainLoss": "infogain_loss_param"}


@rule("NB501", WARNING, NET, "Correct the path, or make the source; Caffe reads it from here.")
def source_missing(net: Walk) -> Found:
    for step in net.steps:
        if step.message.type in _SOURCES:
            field = _SOURCES[step.message.type]
            source = getattr(step.message, field).source
            if source and not os.path.exists(source):
                yield step, f"its source {source} does not exist (in {os.getcwd()})"
            elif not source and step.is_source:
                yield step, f"its {field} names no source"


@rule("NB502", WARNING, NET, "Correct the path, or make the mean file; Caffe reads it from here.")
def mean_file_missing(net: Walk) -> Found:
    for step in net.steps:
        mean = step.message.transform_param.mean_file
        if mean and not os.path.exists(mean):
            yield step, f"its mean_file {mean} does not exist (in {os.getcwd()})"
