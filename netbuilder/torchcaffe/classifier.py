"""caffe.Classifier: a net that labels images (python/caffe/classifier.py)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from netbuilder.proto.caffe_pb2 import TEST
from netbuilder.torchcaffe import io
from netbuilder.torchcaffe.net import Net


class ImageNet(Net):
    """A net in the phase TEST whose first input takes images, made ready by ``transformer``.

    The settings are those of ``io.Transformer``; images come as (height, width, channels).
    """

    def __init__(
        self, model_file: str | os.PathLike[str], pretrained_file: str | os.PathLike[str] | None,
        **settings: Any,
    ) -> None:
        super().__init__(model_file, TEST, weights=pretrained_file)
        name = self.inputs[0]
        self.transformer = io.Transformer({name: self.blobs[name].data.shape})
        self.transformer.set_transpose(name, (2, 0, 1))
        for what, value in settings.items():
            if value is not None:
                getattr(self.transformer, f"set_{what}")(name, value)

    def scores(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """What the net's first output says of each image."""
        name = self.inputs[0]
        ready = np.stack([self.transformer.preprocess(name, image) for image in images])
        return self.forward_all(**{name: ready})[self.outputs[0]]


class Classifier(ImageNet):
    """Labels images by their centre, or by the mean over ten crops.

    ``image_dims``, (height, width), is what images are resized to before they are cropped to the
    net's input, which is also the default.
    """

    def __init__(  # noqa: PLR0917  (pycaffe's order)
        self, model_file: str | os.PathLike[str], pretrained_file: str | os.PathLike[str] | None,
        image_dims: Sequence[int] | None = None, mean: np.ndarray | None = None,
        input_scale: float | None = None, raw_scale: float | None = None,
        channel_swap: Sequence[int] | None = None,
    ) -> None:
        super().__init__(model_file, pretrained_file, mean=mean, input_scale=input_scale,
                         raw_scale=raw_scale, channel_swap=channel_swap)
        self.crop_dims = np.array(self.blobs[self.inputs[0]].data.shape[2:])
        given = image_dims is not None and len(image_dims) > 0
        self.image_dims: Any = image_dims if given else self.crop_dims

    def predict(self, inputs: Sequence[np.ndarray], oversample: bool = True) -> np.ndarray:
        """The classes' probabilities, (images, classes), of images (height, width, channels).

        Raises IndexError, as pycaffe, for no images and for one of other axes.
        """
        if not len(inputs) or len(inputs[0].shape) < 3:
            raise IndexError("predict: a list of images (height, width, channels) is expected, not "
                             + (f"one of {inputs[0].shape}" if len(inputs) else "an empty one"))
        images = np.stack([io.resize_image(image, self.image_dims) for image in inputs])
        if not oversample:
            return self.scores(self._centres(images))
        crops = self.scores(io.oversample(images, self.crop_dims))
        return crops.reshape(len(images), 10, -1).mean(1)

    def _centres(self, images: np.ndarray) -> np.ndarray:
        middle = np.array(self.image_dims) / 2.0
        top, left = (middle - self.crop_dims / 2.0).astype(int)
        bottom, right = (middle + self.crop_dims / 2.0).astype(int)
        return images[:, top:bottom, left:right, :]
