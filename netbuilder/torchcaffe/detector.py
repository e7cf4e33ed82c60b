"""caffe.Detector: a net that labels windows of images (python/caffe/detector.py)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from netbuilder.errors import ArrayError, LibraryMissing
from netbuilder.torchcaffe import io
from netbuilder.torchcaffe.classifier import ImageNet


class Detector(ImageNet):
    """Labels windows, each warped to the net's input.

    With ``context_pad`` a window is widened so that it has this many pixels of its surroundings
    on each side of the net's (square) input, as R-CNN does; the mean stands where the image ends.
    """

    def __init__(  # noqa: PLR0917  (pycaffe's order)
        self, model_file: str | os.PathLike[str], pretrained_file: str | os.PathLike[str] | None,
        mean: np.ndarray | None = None, input_scale: float | None = None,
        raw_scale: float | None = None, channel_swap: Sequence[int] | None = None,
        context_pad: int | None = None,
    ) -> None:
        super().__init__(model_file, pretrained_file, mean=mean, input_scale=input_scale,
                         raw_scale=raw_scale, channel_swap=channel_swap)
        self.configure_crop(context_pad)

    def detect_windows(self, images_windows: Iterable[tuple[str, Sequence[Sequence[int]]]]
                       ) -> list[dict[str, Any]]:
        """A dict per window: its ``filename``, ``window`` and ``prediction``, the net's output.

        Takes pairs of an image's file and its windows, (ymin, xmin, ymax, xmax).
        """
        found, crops = [], []
        for filename, windows in images_windows:
            image = io.load_image(filename)
            for window in windows:
                crops.append(self.crop(image, window))
                found.append({"window": window, "prediction": None, "filename": filename})
        if not crops:
            return []
        for detection, prediction in zip(found, self.scores(crops), strict=True):
            detection["prediction"] = prediction
        return found

    def detect_selective_search(self, image_fnames: Iterable[str]) -> list[dict[str, Any]]:
        """``detect_windows`` for the windows that Selective Search proposes.

        That is a module of its own, and needs MATLAB; raises LibraryMissing without it.
        """
        try:
            import selective_search_ijcv_with_python as selective_search
        except ImportError as error:
            raise LibraryMissing(
                "proposing windows needs selective_search_ijcv_with_python, from "
                "github.com/sergeyk/selective_search_ijcv_with_python, on the Python path; "
                "detect_windows takes windows of your own") from error
        names = [os.path.abspath(name) for name in image_fnames]
        windows = selective_search.get_windows(names, cmd="selective_search_rcnn")
        return self.detect_windows(zip(names, windows, strict=True))

    def crop(self, im: np.ndarray, window: Sequence[int]) -> np.ndarray:
        """The window of an image, with its surroundings if ``context_pad`` is set."""
        if not self.context_pad:
            top, left, bottom, right = window
            return im[top:bottom, left:right]
        size = self.blobs[self.inputs[0]].width
        box = _widened(np.array(window), size / (size - self.context_pad * 2.0))
        scale = size / _extent(box)
        inside = np.clip(box, 0, [*im.shape[:2], *im.shape[:2]]).astype(int)
        if not (inside[2:] > inside[:2]).all():
            raise ArrayError(f"the window {list(window)} lies outside of the image, "
                             f"{im.shape[0]} x {im.shape[1]}")
        pad = [round(float(max(0, -start) * by)) for start, by in zip(box[:2], scale, strict=True)]
        dims = [min(round(float(extent * by)), size - before) for extent, by, before
                in zip(_extent(inside), scale, pad, strict=True)]
        top, left, bottom, right = inside
        crop = np.ones(self.crop_dims, dtype=np.float32) * self.crop_mean
        crop[pad[0]: pad[0] + dims[0], pad[1]: pad[1] + dims[1]] = io.resize_image(
            im[top:bottom, left:right], dims)
        return crop

    def configure_crop(self, context_pad: int | None) -> None:
        """Sets ``context_pad``, and what stands around images: the mean, before preprocessing."""
        name = self.inputs[0]
        transformer = self.transformer
        order = transformer.transpose[name]
        back = [order[axis] for axis in order]
        self.crop_dims = np.array(self.blobs[name].data.shape[1:])[back]
        self.context_pad = context_pad
        if not context_pad:
            return
        mean = transformer.mean.get(name)
        if mean is None:
            self.crop_mean = np.zeros(self.crop_dims, dtype=np.float32)
            return
        mean = mean.copy().transpose(back)
        swap = transformer.channel_swap.get(name)
        if swap is not None:
            mean = mean[:, :, [list(swap).index(channel) for channel in range(mean.shape[2])]]
        scale = transformer.raw_scale.get(name)
        self.crop_mean = mean if scale is None else mean / scale


def _extent(box: np.ndarray) -> np.ndarray:
    """Height and width of a box, both ends counted."""
    return box[2:] - box[:2] + 1


def _widened(box: np.ndarray, scale: float) -> np.ndarray:
    """A box grown around its centre, to whole pixels."""
    half = _extent(box) / 2.0
    centre = box[:2] + half
    return np.round(np.concatenate([centre - scale * half, centre + scale * half]))
