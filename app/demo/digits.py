"""Real handwritten digits as LMDBs for Caffe: the 1797 images that come with scikit-learn.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository: 8x8
pixels of 17 gray levels, written by 43 people. No download.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from netbuilder.data.datum import array_to_datum
from netbuilder.data.db import write_lmdb
from netbuilder.data.image import resize
from netbuilder.data.mean import compute_mean, write_mean

SIDE = 32
HELD_OUT = 360  # images for validation; the other 1437 are for training
SEED = 0


Pair = tuple[np.ndarray, int]  # uint8 (3, 32, 32), the three channels equal; label
Watch = Callable[[list[Pair], str], Iterable[Pair]]


class Digits(NamedTuple):
    """The files of the data set."""

    train: Path
    validation: Path
    mean: Path


def split() -> tuple[list[Pair], list[Pair]]:
    """Training and validation images: always the same, shuffled, stratified."""
    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    images = np.repeat(resize(pixels, SIDE, SIDE)[:, None], 3, axis=1)
    parts = train_test_split(
        images, digits.target.tolist(), test_size=HELD_OUT, stratify=digits.target,
        random_state=SEED)
    return list(zip(parts[0], parts[2], strict=True)), list(zip(parts[1], parts[3], strict=True))


def write_digits(folder: Path, watch: Watch = lambda pairs, _: pairs) -> Digits:
    """Writes both LMDBs and the training images' mean, in place of older ones.

    `watch(pairs, label)` gives the pairs back one by one and may show how far it is.
    """
    training, validation = split()
    files = Digits(folder / "train_lmdb", folder / "val_lmdb", folder / "mean.binaryproto")
    training, validation = watch(training, "for training  "), watch(validation, "for validation")
    write_lmdb(files.train, _samples(training), overwrite=True)
    write_lmdb(files.validation, _samples(validation), overwrite=True)
    write_mean(files.mean, compute_mean(files.train))
    return files


def _samples(pairs: Iterable[Pair]) -> Iterator[tuple[str, Any]]:
    return ((f"digit_{label}", array_to_datum(image, label)) for image, label in pairs)
