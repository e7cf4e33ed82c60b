"""Sources of images in forks: DeepLab, ENet, YOLO, TSN; and V1 files of DeconvNet."""

from __future__ import annotations

import pytest
from fork_layers import blobs, layer

from netbuilder.errors import ShapeError, ShapeUnknown
from netbuilder.graph import resolve
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

MEANS = "mean_value: 104 mean_value: 117 mean_value: 123"
WARP = "resize_param { resize_mode: WARP height: 300 width: 400 }"
ENET = 'type: "DenseImageData" dense_image_data_param { source: "absent" batch_size: 4 %s }'
DEEPLAB = 'type: "ImageSegData" image_data_param { source: "absent" batch_size: 16 %s }'
VOC = 'type: "%s" data_param { source: "absent" batch_size: 8 %s } transform_param { %s }'
TSN = ('type: "VideoData" video_data_param { source: "absent" batch_size: 4 new_length: 5 '
       "num_segments: 3 new_height: 256 new_width: 340 %s }")


@pytest.mark.parametrize(("text", "tops", "shapes"), [
    # ENet's encoder learns on maps of an eighth
    (ENET % "new_height: 512 new_width: 1024 label_divide_factor: 8", 2,
     [(4, 3, 512, 1024), (4, 1, 64, 128)]),
    (ENET % "crop_height: 512 crop_width: 768 label_divide_factor: 8", 2,
     [(4, 3, 512, 768), (4, 1, 512, 768)]),
    (DEEPLAB % "label_type: PIXEL" + " transform_param { crop_size: 321 }", 3,
     [(16, 3, 321, 321), (16, 1, 321, 321), (16, 1, 1, 2)]),
    (DEEPLAB % "is_color: false" + " transform_param { crop_height: 9 crop_width: 8 }", 1,
     [(16, 1, 9, 8), (16, 1, 9, 8), (16, 1, 1, 2)]),
    (VOC % ("AnnotatedData", "", f"{MEANS} {WARP} crop_h: 200"), 1, [(8, 3, 200, 400)]),
    (VOC % ("AnnotatedData", "", f"{MEANS} {WARP}") + " annotated_data_param { yolo_data_type: 1 }",
     2, [(8, 3, 300, 400), (8, 1, 300, 5)]),
    (VOC % ("BoxData", "side: 13 num_label: 40", f"{MEANS} {WARP}"), 2,
     [(8, 3, 300, 400), (8, 200)]),
    (VOC % ("BoxData", "side: 13 side: 26", f"{MEANS} {WARP}"), 3,
     [(8, 3, 300, 400), (8, 150), (8, 150)]),
    (VOC % ("VideoData", "", f"{MEANS} {WARP}"), 2, [(8, 3, 300, 400), (8,)]),
    (TSN % "modality: RGB", 2, [(4, 3 * 5 * 3, 256, 340), (4, 1, 1, 1)]),
    (TSN % "modality: FLOW" + " transform_param { crop_size: 224 }", 2,
     [(4, 2 * 5 * 3, 224, 224), (4, 1, 1, 1)]),
    (TSN % "modality: RGB grayscale: true", 2, [(4, 5 * 3, 256, 340), (4, 1, 1, 1)]),
])
def test_shapes(text, tops, shapes):
    assert layer(text, tops=tops).top_shapes == tuple(shapes)


@pytest.mark.parametrize(("text", "tops", "kind", "words"), [
    (ENET % "", 2, ShapeUnknown, "--input t0=N,C,H,W"),
    (ENET % "crop_height: 5", 2, ShapeError, "both crop_height and crop_width"),
    (ENET % "new_height: 8 new_width: 8 label_divide_factor: 0", 2, ShapeError, "at least 1"),
    (DEEPLAB % "", 3, ShapeUnknown, "no crop_size, no new_height"),
    (VOC % ("AnnotatedData", "", f"{MEANS} {WARP} {WARP}"), 1, ShapeUnknown, "one resize_param"),
    (VOC % ("AnnotatedData", "", f"{MEANS} {WARP} crop_size: 350"), 1, ShapeError,
     "cannot crop 350x350 out of 300x400"),
    (VOC % ("BoxData", "side: 13 side: 26", f"{MEANS} {WARP}"), 2, ShapeError, "1 or 3 tops"),
    (VOC % ("VideoData", "", ""), 2, ShapeUnknown, "--input t0=N,C,H,W"),
])
def test_what_is_missing_or_wrong(text, tops, kind, words):
    with pytest.raises(ShapeError) as caught:
        layer(text, tops=tops)
    assert type(caught.value) is kind
    assert words in str(caught.value)


DECONVNET = """
input: "data" input_dim: 1 input_dim: 8 input_dim: 7 input_dim: 7
layers { name: "pool" type: POOLING bottom: "data" top: "pool" top: "mask"
         pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layers { name: "unpool" type: UNPOOLING bottom: "pool" bottom: "mask" top: "unpool"
         unpooling_param { unpool: MAX kernel_size: 2 stride: 2 unpool_size: 7 } }
layers { name: "bn" type: BN bottom: "unpool" top: "bn" bn_param { bn_mode: INFERENCE } }
layers { name: "crop" type: CROP bottom: "bn" bottom: "pool" top: "crop" }
"""


def test_deconvnet_of_2014():
    graph = resolve(parse(DECONVNET, caffe_pb2.NetParameter()))
    assert [graph.blobs[name] for name in ("mask", "unpool", "bn", "crop")] == [
        (1, 8, 4, 4), (1, 8, 7, 7), (1, 8, 7, 7), (1, 8, 4, 4)]
    assert blobs(graph.layers[3]) == [("scale", (1, 8, 1, 1), True), ("shift", (1, 8, 1, 1), True)]
