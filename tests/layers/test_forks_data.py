"""The sources of SSD and SegNet: what their fields tell, and what is asked for."""

from __future__ import annotations

import pytest
from fork_layers import layer

from netbuilder.errors import ShapeError, ShapeUnknown

SSD_DATA = ('type: "AnnotatedData" data_param { batch_size: 32 source: "absent" } transform_param '
            "{ %s mean_value: 104 mean_value: 117 mean_value: 123 }")
WARP = "resize_param { resize_mode: WARP height: 300 width: 400 }"


def test_annotated_data():
    assert layer(SSD_DATA % WARP).top_shapes == ((32, 3, 300, 400),)
    assert layer(SSD_DATA % (WARP + " crop_size: 227")).top_shapes == ((32, 3, 227, 227),)
    both = layer(SSD_DATA % WARP, tops=2, told={"t1": (1, 1, 9, 8)})
    assert both.top_shapes == ((32, 3, 300, 400), (1, 1, 9, 8))
    assert layer(SSD_DATA % "", told={"t0": (1, 3, 5, 5)}).top_shapes == ((1, 3, 5, 5),)


SEGNET = 'type: "DenseImageData" dense_image_data_param { batch_size: 4 source: "absent" %s }'


def test_dense_image_data():
    """SegNet's CamVid: 360x480; labels are a map of one channel."""
    sized = SEGNET % "new_height: 360 new_width: 480"
    assert layer(sized, tops=2).top_shapes == ((4, 3, 360, 480), (4, 1, 360, 480))
    grey = layer(SEGNET % "is_color: false" + " transform_param { crop_size: 224 }", tops=2)
    assert grey.top_shapes == ((4, 1, 224, 224), (4, 1, 224, 224))
    told = layer(SEGNET % "", tops=2, told={"t0": (4, 3, 360, 480)})
    assert told.top_shapes == ((4, 3, 360, 480), (4, 1, 360, 480))
    with pytest.raises(ShapeError, match="both new_height and new_width"):
        layer(SEGNET % "new_height: 360", tops=2)
    with pytest.raises(ShapeError, match="4 axes"):
        layer(SEGNET % "", tops=2, told={"t0": (4, 3)})


@pytest.mark.parametrize(("text", "tops", "words"), [
    (SSD_DATA % WARP, 2, "--input t1=1,1,N,8"),
    (SSD_DATA % "", 1, "crop_size or one resize_param tell the size"),
    (SSD_DATA % WARP.replace("WARP", "FIT_SMALL_SIZE"), 1, "--input t0=N,C,H,W"),
    (SSD_DATA.partition(" transform_param")[0], 1, "mean_value for each channel"),
    (SEGNET % "", 2, "--input t0=N,C,H,W"),
])
def test_what_images_decide_is_asked_for(text, tops, words):
    with pytest.raises(ShapeUnknown) as caught:
        layer(text, tops=tops)
    assert words in str(caught.value)
