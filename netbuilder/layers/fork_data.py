"""Sources of data that real Caffe lacks: images with boxes, with label maps, and of videos."""

from __future__ import annotations

from collections.abc import Sequence

from netbuilder.errors import ShapeUnknown
from netbuilder.layer import Layer, Shape, register
from netbuilder.layers.data import Labelled
from netbuilder.proto import caffe_pb2

_FIT = caffe_pb2.ResizeParameter.FIT_SMALL_SIZE


class Resized(Labelled):
    """Images that SSD's transformation resizes, then crops (data_transformer.cpp)."""

    def image(self) -> Shape:
        transform, channels = self.message.transform_param, self.channels()
        resized = self._resized(transform.resize_param)
        crop = (self.crop_size,) * 2 if self.crop_size else (transform.crop_h, transform.crop_w)
        size = tuple(part or whole for part, whole in zip(crop, resized, strict=True))
        if not channels or not all(size):
            self.unknown("its source is not read; crop_size or one resize_param tell the size, "
                         "mean_value for each channel how many there are")
        if any(whole and part > whole for part, whole in zip(crop, resized, strict=True)):
            self.fail(f"cannot crop {crop[0]}x{crop[1]} out of {resized[0]}x{resized[1]}")
        return channels, *size

    def _resized(self, ways: Sequence) -> Shape:
        """Height and width, 0 where only the images tell."""
        known = len(ways) == 1 and ways[0].resize_mode != _FIT
        return (ways[0].height, ways[0].width) if known else (0, 0)


@register
class AnnotatedData(Resized):
    """A database of AnnotatedDatum (annotated_data_layer.cpp): images and boxes (1, 1, boxes, 8),
    as many as the images have. MobileNet-YOLO's ``yolo_data_type: 1`` has 300 for each image."""

    param = "data_param"
    tops_wanted = (1, 3)
    fork = "SSD"

    def shapes(self) -> Sequence[Shape]:
        data = super().shapes()[0]
        forms = "1,1,N,8", "N,C,H,W"  # the third, MobileNet-YOLO's, are maps
        yolo = self.message.annotated_data_param.yolo_data_type == 1
        known = {self.tops[1]: (data[0], 1, 300, 5)} if yolo and self.top_count > 1 else {}
        labels = {**known, **self.told}
        for top, form in zip(self.tops[1:], forms, strict=False):
            if top not in labels:
                raise ShapeUnknown(f'layer "{self.name}" (AnnotatedData): the images tell how '
                                   f'many boxes "{top}" holds. Give it: --input {top}={form}')
        return [data, *(labels[top] for top in self.tops[1:])]


@register
class BoxData(Resized):
    """Images, and for each ``side`` of a last map ``num_label`` boxes of five values in a row
    (YOLOv2's forks, box_data_layer.cpp; Intel's has always 30)."""

    param = "data_param"
    tops_wanted = (1, None)
    fork = "YOLOv2"

    def shapes(self) -> Sequence[Shape]:
        sides = len(self.fields.side) or 1
        if self.top_count not in (1, 1 + sides):
            self.fail(f"has {sides} side, so 1 or {1 + sides} tops, not {self.top_count}")
        data = super().shapes()[0]
        row = (data[0], 5 * self.fields.num_label)
        return [data, *(self.told.get(top, row) for top in self.tops[1:])]


class Mapped(Labelled):
    """Images from a list, and an image of one channel and the same size as label of each."""

    tops_wanted = (2, 2)

    def setup(self) -> None:
        super().setup()
        fields = self.fields
        if (fields.new_height > 0) != (fields.new_width > 0):
            self.fail("give both new_height and new_width, or neither")
        self.crop = (self.crop_size,) * 2 if self.crop_size else self._crop()

    def _crop(self) -> Shape:
        """Height and width that are cut out, where they have fields of their own; else zeros."""
        holder = self.message.transform_param
        if hasattr(self.fields, "crop_height"):
            holder = self.fields
        if (holder.crop_height > 0) != (holder.crop_width > 0):
            self.fail("give both crop_height and crop_width, or neither")
        return holder.crop_height, holder.crop_width

    def image(self) -> Shape:
        fields = self.fields
        size = self.crop if all(self.crop) else (fields.new_height, fields.new_width)
        if not all(size):
            self.unknown("no crop_size, no new_height and new_width, and its list is not read")
        return 3 if fields.is_color else 1, *size

    def maps(self, data: Shape) -> Shape:
        """The shape of the labels that belong to these images."""
        if len(data) != 4:
            self.fail(f"makes images of 4 axes (N, C, H, W), not {len(data)}")
        return data[0], 1, *data[2:]

    def shapes(self) -> Sequence[Shape]:
        data = super().shapes()[0]
        maps = self.maps(data)
        return [data, self.told.get(self.tops[1], maps) if len(self.tops) > 1 else maps]


@register
class DenseImageData(Mapped):
    """Images and label maps from a list of pairs (SegNet, dense_image_data_layer.cpp). ENet's
    ``label_divide_factor`` makes the maps smaller where nothing is cropped."""

    param = "dense_image_data_param"
    fork = "SegNet, ENet"

    def maps(self, data: Shape) -> Shape:
        batch, one, *size = super().maps(data)
        factor = 1 if all(self.crop) else self.fields.label_divide_factor
        if factor < 1:
            self.fail("label_divide_factor must be at least 1")
        return batch, one, *(side // factor for side in size)


@register
class ImageSegData(Mapped):
    """Images, label maps, and each image's height and width before cropping (N, 1, 1, 2)
    (DeepLab and PSPNet, image_seg_data_layer.cpp). Tops that are not named are there as well."""

    param = "image_data_param"
    tops_wanted = (3, 3)
    auto_top = True
    fork = "DeepLab, PSPNet"

    def shapes(self) -> Sequence[Shape]:
        data, maps = super().shapes()
        return [data, maps, (data[0], 1, 1, 2)]


@register
class VideoData(Resized):
    """Frames of videos (both video_data_layer.cpp).

    TSN, told by ``source``: ``num_segments`` snippets of ``new_length`` frames, all of them
    channels: three each (one if grayscale), or two where ``modality`` is FLOW. SSD: frames of
    one video or camera, resized, ``data_param`` tells how many.
    """

    param = "video_data_param"
    fork = "TSN; SSD"

    def setup(self) -> None:
        self.snippets = self.fields.HasField("source")
        if not self.snippets:
            self.fields = self.message.data_param
        super().setup()

    def image(self) -> Shape:
        if not self.snippets:
            return super().image()
        fields = self.fields
        colors = 1 if fields.grayscale else 3
        frame = 2 if fields.modality == caffe_pb2.VideoDataParameter.FLOW else colors
        size = (self.crop_size,) * 2 if self.crop_size else (fields.new_height, fields.new_width)
        if not all(size):
            self.unknown("no crop_size, no new_height and new_width, and its list is not read")
        return frame * fields.new_length * fields.num_segments, *size

    def shapes(self) -> Sequence[Shape]:
        data, *labels = super().shapes()
        if labels and self.snippets:
            labels = [self.told.get(self.tops[1], (data[0], 1, 1, 1))]
        return [data, *labels]


class Asked(Layer):
    """Tops whose shapes only data or code outside of the file decide: each must be given."""

    free = True
    bottoms_wanted = (0, None)
    tops_wanted = (1, None)

    def shapes(self) -> Sequence[Shape]:
        for top in self.tops:
            if top not in self.told:
                raise ShapeUnknown(
                    f'layer "{self.name}" ({self.type}, of {self.fork}): its data decide the '
                    f'shape of "{top}". Give it: --input {top}=N,C,H,W')
        return [self.told[top] for top in self.tops]


# Type -> who has it: all of them read files of their own formats.
for _type, _fork in {"CustomData": "FlowNet 2", "FloatReader": "FlowNet 2",
                     "ImgReader": "FlowNet 2", "ImageLabelmapData": "HED",
                     "LaneData": "MobileNet-YOLO", "MatRead": "DeepLab",
                     "DetectNetTransformation": "NVIDIA", "TRT": "NVIDIA"}.items():
    register(type(_type, (Asked,), {"fork": _fork, "__doc__": f"Read by {_fork} alone."}))
