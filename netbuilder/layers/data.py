"""Sources of data: layers without bottoms, and what their files tell of the shapes.

A file tells a shape in this order: what the caller vouches for (``told``), declared dimensions,
``crop_size`` with the channels that follow from the transformation, and last the source itself
where it exists. Nothing is guessed: a shape that nothing tells raises ShapeUnknown.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NoReturn

from netbuilder.errors import ShapeUnknown
from netbuilder.filler import problem, unknown
from netbuilder.layer import Layer, Shape, register, show
from netbuilder.proto import caffe_pb2


class Source(Layer):
    """A layer without bottoms."""

    free = True
    bottoms_wanted = (0, 0)
    tops_wanted = (1, None)

    def shapes(self) -> Sequence[Shape]:
        if self.told and all(top in self.told for top in self.tops):
            return [self.told[top] for top in self.tops]
        shapes = zip(self.tops, self.declared(), strict=False)
        return [self.told.get(top, shape) for top, shape in shapes]

    def declared(self) -> Sequence[Shape]:
        """The shapes that the file, or the source it names, tells."""
        raise NotImplementedError

    def unknown(self, why: str) -> NoReturn:
        """Raises ShapeUnknown, which asks for the first shape that is not given yet."""
        top = next((top for top in self.tops if top not in self.told), "data")
        raise ShapeUnknown(f'layer "{self.name}" ({self.type}): nothing tells the shape of '
                           f'"{top}": {why}. Give it: --input {top}=N,C,H,W')

    def one_per_top(self, values: Sequence, what: str) -> list:
        """Values given once for all tops, or once per top."""
        if len(values) not in (1, self.top_count):
            self.fail(f"{what} must be given once, or once per top ({self.top_count}), "
                      f"not {len(values)} times")
        return list(values) * (self.top_count if len(values) == 1 else 1)


@register
class Input(Source):
    """Blobs that the caller fills (input_layer.cpp)."""

    param = "input_param"

    def declared(self) -> Sequence[Shape]:
        if not self.fields.shape:
            self.unknown("input_param has no shape")
        return [tuple(shape.dim) for shape in self.one_per_top(self.fields.shape, "shape")]


@register
class DummyData(Source):
    """Blobs that fillers fill (dummy_data_layer.cpp)."""

    param = "dummy_data_param"

    def setup(self) -> None:
        fillers = len(self.fields.data_filler)
        if fillers not in (0, 1, self.top_count):
            self.fail(f"{fillers} data fillers; give none, one, or one per top")

    def shapes(self) -> Sequence[Shape]:
        shapes = super().shapes()
        given = self.fields.data_filler or [caffe_pb2.FillerParameter()]
        for each, shape in zip(self.one_per_top(given, "data_filler"), shapes, strict=True):
            # Caffe fills with constants while it loads, with anything else in each pass.
            wrong = problem(each, shape) if each.type == "constant" else unknown(each)
            if wrong:
                self.fail(wrong)
        return shapes

    def declared(self) -> Sequence[Shape]:
        fields = self.fields
        legacy = (fields.num, fields.channels, fields.height, fields.width)
        if any(legacy) and fields.shape:
            self.fail("give shape, or num, channels, height and width; not both")
        if any(legacy):
            names = ("num", "channels", "height", "width")
            columns = map(self.one_per_top, legacy, names)
            return list(zip(*columns, strict=True))
        if not fields.shape:
            self.unknown("dummy_data_param has no shape")
        return [tuple(shape.dim) for shape in self.one_per_top(fields.shape, "shape")]


@register
class Parameter(Source):
    """A learned blob as a top (parameter_layer.hpp)."""

    param = "parameter_param"
    tops_wanted = (1, 1)

    def declared(self) -> Sequence[Shape]:
        return [tuple(self.fields.shape.dim)]

    def parameters(self) -> Sequence[tuple[str, Shape]]:
        return [("parameter", tuple(self.fields.shape.dim))]


class Labelled(Source):
    """Images and, as a second top, one label each.

    Attributes: ``batch_size``, ``crop_size`` (0: none).
    """

    tops_wanted = (1, 2)

    def setup(self) -> None:
        self.batch_size: int = self.fields.batch_size
        self.crop_size: int = self.message.transform_param.crop_size
        if self.batch_size < 1 and not self.told:
            self.lacks("batch_size must be at least 1; set it")
        if self.message.transform_param.mean_file and self.message.transform_param.mean_value:
            self.fail("give mean_file or mean_value, not both")

    def lacks(self, what: str) -> NoReturn:
        """Raises ShapeError for what Caffe refuses, though a given shape lets it be analysed."""
        top = self.tops[0] if self.tops else "data"
        self.fail(f"{what}, or give the shape: --input {top}=N,C,H,W")

    def shapes(self) -> Sequence[Shape]:
        data = self.told[self.tops[0]] if self.tops and self.tops[0] in self.told else (
            self.batch_size, *self.image())
        label = self.told.get(self.tops[1]) if len(self.tops) > 1 else None
        return [data, data[:1] if label is None else label][: self.top_count]

    def image(self) -> Shape:
        """Channels, height and width of one transformed image."""
        channels = self.channels()
        if channels and self.crop_size:
            return channels, self.crop_size, self.crop_size
        stored = self.stored()
        if not self.crop_size:
            return stored
        if self.crop_size > min(stored[1:]):
            self.fail(f"crop_size {self.crop_size} is more than the images have: {show(stored)}")
        return stored[0], self.crop_size, self.crop_size

    def channels(self) -> int | None:
        """The channels, where the transformation tells them."""
        transform = self.message.transform_param
        if len(transform.mean_value) > 1:  # one mean per channel; a single one is for any number
            return len(transform.mean_value)
        return 3 if transform.force_color else 1 if transform.force_gray else None

    def stored(self) -> Shape:
        """Channels, height and width of an image as the source holds it."""
        raise NotImplementedError


@register
class Data(Labelled):
    """An LMDB or LevelDB of Datum (data_layer.cpp)."""

    param = "data_param"

    def channels(self) -> int | None:
        # Caffe asks the database; the transformation stands in for one that is not here.
        return None if os.path.exists(self.fields.source) else super().channels()

    def stored(self) -> Shape:
        from netbuilder.data.db import first_datum_shape
        from netbuilder.errors import DataError

        transform = self.message.transform_param
        color = True if transform.force_color else False if transform.force_gray else None
        try:
            return first_datum_shape(self.fields.source, color)
        except DataError as error:
            missing = "" if self.crop_size else "no crop_size, and "
            self.unknown(f"{missing}{error}")


@register
class ImageData(Labelled):
    """Image files from a list (image_data_layer.cpp)."""

    param = "image_data_param"
    tops_wanted = (2, 2)

    def setup(self) -> None:
        super().setup()
        if (self.fields.new_height > 0) != (self.fields.new_width > 0):
            self.fail("give both new_height and new_width, or neither")

    def channels(self) -> int | None:
        known = self.fields.new_height or os.path.exists(self.fields.source)
        return None if known else 3 if self.fields.is_color else 1

    def stored(self) -> Shape:
        fields = self.fields
        if fields.new_height:
            return 3 if fields.is_color else 1, fields.new_height, fields.new_width
        from netbuilder.data.image_list import first_image_shape
        from netbuilder.errors import DataError

        try:
            return first_image_shape(self.fields.source, self.fields.root_folder,
                                     self.fields.is_color)
        except DataError as error:
            self.unknown(f"no crop_size, no new_height and new_width, and {error}")


@register
class MemoryData(Labelled):
    """Arrays that the caller hands over (memory_data_layer.cpp)."""

    param = "memory_data_param"
    tops_wanted = (2, 2)

    def image(self) -> Shape:
        # The declared size is final: a crop_size is checked against it but does not change it.
        fields = self.fields
        if not fields.channels * fields.height * fields.width:
            self.lacks("memory_data_param needs channels, height and width; set them")
        return fields.channels, fields.height, fields.width


@register
class HDF5Data(Source):
    """Datasets of HDF5 files, one per top, named as the tops (hdf5_data_layer.cpp)."""

    param = "hdf5_data_param"

    def setup(self) -> None:
        self.batch_size: int = self.fields.batch_size
        if self.message.HasField("transform_param"):
            self.fail("transform_param does not work here: Caffe transforms no HDF5 data")

    def declared(self) -> Sequence[Shape]:
        from netbuilder.data.hdf5 import first_shapes
        from netbuilder.errors import DataError

        try:
            rows = first_shapes(self.fields.source, self.tops)
        except DataError as error:
            self.unknown(str(error))
        return [(self.batch_size, *row[1:]) for row in rows]


@register
class WindowData(Labelled):
    """Windows of images, from a list of boxes (window_data_layer.cpp)."""

    param = "window_data_param"
    tops_wanted = (2, 2)

    def stored(self) -> Shape:
        from netbuilder.data.windows import first_channels
        from netbuilder.errors import DataError

        if not self.crop_size:
            self.lacks("transform_param needs a crop_size, to which windows are warped; set it")
        try:
            channels = first_channels(self.fields.source)
        except DataError as error:
            self.unknown(str(error))
        return channels, self.crop_size, self.crop_size  # to which a window is warped
