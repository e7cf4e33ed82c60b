import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netbuilder.data.image import decode, decoded_shape, read_image, resize
from netbuilder.errors import DataError

RGB = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)


def encoded(array: np.ndarray, kind: str = "PNG", mode: str | None = None, **options) -> bytes:
    image = Image.fromarray(array)
    buffer = io.BytesIO()
    (image.convert(mode) if mode else image).save(buffer, kind, **options)
    return buffer.getvalue()


def test_png_is_blue_before_red_and_channels_first():
    np.testing.assert_array_equal(decode(encoded(RGB)), RGB[..., ::-1].transpose(2, 0, 1))


@pytest.mark.parametrize("mode, color, channels", [
    ("L", None, 1), ("L", True, 3), ("RGB", False, 1), ("RGBA", None, 4), ("RGBA", True, 3),
    ("LA", None, 4), ("P", None, 3), ("1", None, 1)])
def test_channels_are_those_of_opencv(mode, color, channels):
    data = encoded(RGB, mode=mode)
    assert decode(data, color).shape == decoded_shape(data, color) == (channels, 5, 4)


def test_exif_turns_an_image_unless_it_is_wanted_as_stored():
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: to be turned by 90 degrees
    data = encoded(RGB, "JPEG", exif=exif)
    assert decode(data).shape == decoded_shape(data) == (3, 5, 4)
    assert decode(data, True).shape == decoded_shape(data, True) == (3, 4, 5)
    assert decode(data, False).shape == decoded_shape(data, False) == (1, 4, 5)


@pytest.mark.parametrize("data, words", [
    (b"no image at all", "neither JPEG nor PNG"),
    (encoded(RGB, "JPEG")[:300], "damaged"),
    (encoded(np.zeros((4, 4), np.uint16)), "8 bits per channel only"),
])
def test_what_is_no_image_says_so(data, words):
    with pytest.raises(DataError, match=f"here.*{words}"):
        decode(data, where="here")


def test_read_image_resizes_where_both_sizes_are_given(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(RGB))
    assert read_image(path).shape == (3, 5, 4)
    assert read_image(path, 7, 9, color=False).shape == (1, 7, 9)
    with pytest.raises(DataError, match=r"missing\.png: No such file"):
        read_image(tmp_path / "missing.png")


def test_resize_keeps_constants_and_means_quads():
    np.testing.assert_array_equal(resize(np.full((1, 3, 3), 200, np.uint8), 8, 5), 200)
    np.testing.assert_array_equal(
        resize(np.array([[[0, 1], [2, 3]]], np.uint8), 1, 1), [[[2]]])  # 6 / 4, rounded up


def test_resize_interpolates_between_neighbours_only():
    ramp = np.array([[[0, 100]]], np.uint8)
    assert resize(ramp, 1, 4).tolist() == [[[0, 25, 75, 100]]]
    assert resize(np.arange(9, dtype=np.uint8)[None, None], 1, 3).tolist() == [[[1, 4, 7]]]
