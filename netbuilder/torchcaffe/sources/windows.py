"""Batches of boxes cut out of images."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch

from netbuilder.data.image import decode, read_bytes
from netbuilder.data.mean import read_mean
from netbuilder.data.windows import Crop, read_windows
from netbuilder.errors import DataError
from netbuilder.layer import Layer, show
from netbuilder.torchcaffe.rng import Rng
from netbuilder.torchcaffe.sources.base import Batch
from netbuilder.torchcaffe.sources.prefetch import Prefetching


class WindowData(Prefetching):
    """Boxes drawn from a window file: backgrounds first, then foregrounds (window_data_layer.cpp).

    Of a batch ``fg_fraction``, rounded down, have an overlap of ``fg_threshold`` or more; the
    others less than ``bg_threshold`` and the label 0. Every one is drawn anew. ``scale`` is that of
    window_data_param; crop_size, mirror and the mean are those of transform_param.
    """

    def __init__(self, layer: Layer, rng: Rng) -> None:
        super().__init__(layer, rng)
        self._fields, transform = layer.fields, layer.message.transform_param
        self._crop = Crop(transform.crop_size, self._fields.context_pad,
                          self._fields.crop_mode == "square")
        with self.named():
            self._check_fields()
            windows = read_windows(self._fields.source)
            self._paths = [self._fields.root_folder + path for path in windows.paths]
            self._boxes = self._split(windows.boxes)
            self._check(windows.channels)
            self._cache = ([read_bytes(path) for path in self._paths]
                           if self._fields.cache_images else None)
            self._mean  # noqa: B018  (one that is not there is an error at once)

    def read(self) -> Batch:
        size = self._crop.size
        blob = np.zeros((self.batch_size, 3, size, size), np.float32)
        boxes = self._drawn()
        mirrored = self._mirrored(len(boxes))
        with self.named(self._fields.source):
            images = self.decoded(self._image, boxes[:, 0].tolist())
            for row, image, box, mirror in zip(blob, images, boxes, mirrored, strict=True):
                self._cut(row, image, box, mirror)
        return torch.from_numpy(blob), torch.from_numpy(boxes[:, 1].astype(np.float32))

    def _drawn(self) -> np.ndarray:
        """The boxes of a batch."""
        foreground = int(np.float32(self.batch_size) * np.float32(self._fields.fg_fraction))
        counts = self.batch_size - foreground, foreground
        return np.concatenate([boxes[self.random.integers(len(boxes), size=count)]
                               for boxes, count in zip(self._boxes, counts, strict=True)])

    def _mirrored(self, count: int) -> list[int]:
        mirror = self.layer.message.transform_param.mirror
        return self.random.integers(2, size=count).tolist() if mirror else [0] * count

    def _image(self, index: int) -> np.ndarray:
        path = self._paths[index]
        return decode(self._cache[index] if self._cache else read_bytes(path), True, path)

    def _cut(self, row: np.ndarray, image: np.ndarray, box: np.ndarray, mirror: int) -> None:
        """Fills one image of the batch, which is zero."""
        index, _, *corners = box.tolist()
        try:
            pixels, top, left = self._crop(image, corners, bool(mirror))
        except DataError as error:
            raise DataError(f"{self._paths[index]}: {error}") from error
        window = slice(None), slice(top, top + pixels.shape[1]), slice(left, left + pixels.shape[2])
        row[window] = (pixels - self._mean[window]) * np.float32(self._fields.scale)

    @cached_property
    def _mean(self) -> np.ndarray:
        """What is subtracted: 3 x crop_size x crop_size."""
        transform, size = self.layer.message.transform_param, self._crop.size
        if not transform.mean_file:
            values = np.array(transform.mean_value or [0], np.float32)[:, None, None]
            return np.broadcast_to(values, (3, size, size))
        mean = read_mean(transform.mean_file)
        start = (mean.shape[2] - size) // 2  # for rows too
        if mean.shape[0] != 3 or start < 0 or start + size > mean.shape[1]:
            raise DataError(f"mean_file {transform.mean_file} is {show(mean.shape)}: windows of "
                            f"3x{size}x{size} need one at least as large, and square")
        return mean[:, start: start + size, start: start + size]

    def _split(self, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Backgrounds and foregrounds: rows of image, label, x1, y1, x2, y2."""
        overlap, rows = boxes[:, 2], np.delete(boxes, 2, axis=1).astype(np.int64)
        foreground = overlap >= np.float32(self._fields.fg_threshold)
        background = ~foreground & (overlap < np.float32(self._fields.bg_threshold))
        rows[background, 1] = 0
        return rows[background], rows[foreground]

    def _check_fields(self) -> None:
        if not 0 <= self._fields.fg_fraction <= 1:
            raise DataError(f"fg_fraction {self._fields.fg_fraction:g} is no share, 0 to 1")
        if self._crop.size <= 2 * self._crop.context_pad:
            raise DataError(f"context_pad {self._crop.context_pad} leaves nothing of a crop_size "
                            f"of {self._crop.size}")
        values = len(self.layer.message.transform_param.mean_value)
        if values not in (0, 1, 3):
            raise DataError(f"{values} mean_value; give one, or one per channel: 3")

    def _check(self, channels: int) -> None:
        """Refuses what Caffe dies of, or reads memory for that it does not own."""
        source = self._fields.source
        for name, boxes in zip(("background", "foreground"), self._boxes, strict=True):
            if not len(boxes):
                raise DataError(f"{source} has no {name} window by fg_threshold "
                                f"{self._fields.fg_threshold:g} and bg_threshold "
                                f"{self._fields.bg_threshold:g}; Caffe needs some of each")
            if boxes[:, 0].max() >= len(self._paths):
                raise DataError(f"{source}: an image has the index {boxes[:, 0].max()}, but there "
                                f"are {len(self._paths)} images; count from 0 without gaps")
        if self._boxes[1][:, 1].min() < 1:
            raise DataError(f"{source}: a foreground window has the label "
                            f"{self._boxes[1][:, 1].min()}; 0 is the background's")
        if channels != 3:
            raise DataError(f"{source}: images of {channels} channels; Caffe reads them all in "
                            "color, so write 3")
