"""Sources of data that real Caffe lacks: SSD's images with boxes, SegNet's with label maps."""

from __future__ import annotations

from collections.abc import Sequence

from netbuilder.errors import ShapeUnknown
from netbuilder.layer import Shape, register
from netbuilder.layers.data import Labelled
from netbuilder.proto import caffe_pb2


@register
class AnnotatedData(Labelled):
    """A database of AnnotatedDatum (annotated_data_layer.cpp): images, cropped or resized as
    ``transform_param`` says, and boxes (1, 1, boxes, 8), as many as the images have."""

    param = "data_param"
    fork = "SSD"

    def image(self) -> Shape:
        transform = self.message.transform_param
        resize, channels = transform.resize_param, self.channels()
        size = (self.crop_size,) * 2
        if not self.crop_size and transform.HasField("resize_param"):
            whole = resize.resize_mode != caffe_pb2.ResizeParameter.FIT_SMALL_SIZE
            size = (resize.height, resize.width) if whole else (0, 0)
        if not channels or not all(size):
            self.unknown("its database is not read; crop_size or resize_param tell the size, "
                         "mean_value for each channel how many there are")
        return channels, *size

    def shapes(self) -> Sequence[Shape]:
        if self.top_count == 2 and self.tops[1] not in self.told:
            name = self.tops[1]
            raise ShapeUnknown(f'layer "{self.name}" (AnnotatedData): the images tell how many '
                               f'boxes "{name}" holds. Give it: --input {name}=1,1,N,8')
        return super().shapes()


@register
class DenseImageData(Labelled):
    """Images and, as labels, images of one channel and the same size, from a list of pairs
    (caffe-segnet, dense_image_data_layer.cpp)."""

    param = "dense_image_data_param"
    tops_wanted = (2, 2)
    fork = "SegNet, ENet"

    def image(self) -> Shape:
        fields = self.fields
        if (fields.new_height > 0) != (fields.new_width > 0):
            self.fail("give both new_height and new_width, or neither")
        size = (self.crop_size,) * 2 if self.crop_size else (fields.new_height, fields.new_width)
        if not all(size):
            self.unknown("no crop_size, no new_height and new_width, and its list is not read")
        return 3 if fields.is_color else 1, *size

    def shapes(self) -> Sequence[Shape]:
        data = super().shapes()[0]
        if len(data) != 4:
            self.fail(f"makes images of 4 axes (N, C, H, W), not {len(data)}")
        return [data, self.told.get(self.tops[1], (data[0], 1, *data[2:]))]
