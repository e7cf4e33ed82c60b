"""The demo's data set: app/demo/digits.py."""

import runpy
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from netbuilder.data.datum import datum_to_array
from netbuilder.data.db import Cursor
from netbuilder.data.mean import read_mean

DIGITS = Path(__file__).parents[2] / "app/demo/digits.py"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    write_digits = runpy.run_path(str(DIGITS))["write_digits"]
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder)
    return write_digits(folder)  # a second run replaces the first


def read(path: Path) -> tuple[np.ndarray, list[int]]:
    with Cursor(path) as cursor:
        datums = list(cursor)
    return np.stack([datum_to_array(datum) for datum in datums]), [d.label for d in datums]


def test_sizes_and_a_split_in_which_every_digit_has_its_share(files):
    for path, count in ((files.train, 1437), (files.validation, 360)):
        images, labels = read(path)
        assert images.shape == (count, 3, 32, 32) and images.dtype == np.uint8
        assert images.max() == 255 and images.min() == 0
        assert np.array_equal(images[:, 0], images[:, 2])
        shares = Counter(labels)
        assert sorted(shares) == list(range(10))
        assert min(shares.values()) >= 0.095 * count
        assert sum(a == b for a, b in pairwise(labels)) < 0.15 * count


def test_no_image_is_in_both_parts(files):
    training, validation = ({image.tobytes() for image in read(path)[0]}
                            for path in (files.train, files.validation))
    assert len(training) == 1437 and len(validation) == 360
    assert not training & validation


def test_the_mean_is_that_of_the_training_images(files):
    np.testing.assert_allclose(read_mean(files.mean), read(files.train)[0].mean(0), rtol=1e-6)
