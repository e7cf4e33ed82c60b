"""Sources of data: legos without a bottom that give two tops, ``data`` and ``label``.

``ABOUT`` says in the prototxt where the data goes. Sizes are those of the images that the network
gets: ``channels`` x ``crop_size`` x ``crop_size``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from netbuilder.errors import BuildError
from netbuilder.lego.base import BaseLego, Bottom, LayerLego, lego
from netbuilder.spec import NetSpec, Top

TOPS = ("data", "label")


@lego
class Source(BaseLego):
    """What all sources have; ``batch_size`` images at a time."""

    batch_size: int
    crop_size: int
    channels: int = 3
    train: bool = True

    TYPE: ClassVar[str] = ""
    ABOUT: ClassVar[str] = ""
    # True where `netbuilder train` cannot train with it: a program has to hand the images over.
    HANDED_OVER: ClassVar[bool] = False

    def attach(self, netspec: NetSpec, bottom: Bottom = ()) -> tuple[Top, Top]:
        if self.batch_size < 1:
            raise BuildError(f"a batch has at least 1 image, not {self.batch_size}")
        return LayerLego(self.TYPE, name="data", tops=TOPS, **self.params()).attach(netspec, ())

    def params(self) -> dict[str, Any]:
        """The fields of the layer."""
        raise NotImplementedError


@lego
class Transformed(Source):
    """A source whose images Caffe transforms: crop, mirror, (value - mean) * scale.

    Crops are random in training and central in testing. ``mean_value`` is one number, or one per
    channel in the order of the stored channels; ``mirror`` flips half of the images.
    """

    source: str
    mean_file: str | None = None
    mean_value: Sequence[float] = ()
    mirror: bool = False
    scale: float | None = None

    def transform(self) -> dict[str, Any]:
        """The fields of ``transform_param``."""
        if self.mean_file and self.mean_value:
            raise BuildError("give a mean file or mean values, not both")
        if len(self.mean_value) not in (0, 1, self.channels):
            raise BuildError(f"give one mean value, or one for each of the {self.channels} "
                             f"channels, not {len(self.mean_value)}")
        fields = {"crop_size": self.crop_size, "mirror": self.mirror, "scale": self.scale,
                  "mean_file": self.mean_file, "mean_value": list(self.mean_value)}
        return {name: value for name, value in fields.items() if value}


@lego
class Lmdb(Transformed):
    """An LMDB of Datum."""

    TYPE = "Data"
    ABOUT = ("The data: an LMDB of Datum, as Caffe's convert_imageset writes it.\n"
             "Put the folder of yours into `source`.")

    def params(self) -> dict[str, Any]:
        return {"transform_param": {**self.transform(), **self._color()}, "source": self.source,
                "batch_size": self.batch_size, "backend": "LMDB"}

    def _color(self) -> dict[str, bool]:
        """Stored files are decoded to three channels; where there is no mean for each, nothing
        else tells readers of the file how many there are."""
        return {"force_color": True} if self.channels == 3 and len(self.mean_value) < 3 else {}


@lego
class ImageList(Transformed):
    """Image files named in a text file, one `path label` a line; shuffled in training.

    ``resize`` is the height and width that images are brought to before the crop.
    """

    resize: int

    TYPE = "ImageData"
    ABOUT = ("The data: image files. `source` is a text file with a path and a label on each\n"
             "line; `root_folder` goes in front of the paths.")

    def params(self) -> dict[str, Any]:
        shuffle = {"shuffle": True} if self.train else {}
        return {"transform_param": self.transform(), "source": self.source, "root_folder": "",
                "batch_size": self.batch_size, "new_height": self.resize,
                "new_width": self.resize, **shuffle}


@lego
class Memory(Source):
    """Arrays that your program hands over."""

    TYPE = "MemoryData"
    ABOUT = ("The data: arrays from your program, net.set_input_arrays(data, labels) in pycaffe.\n"
             "Their number must be a multiple of batch_size.")
    HANDED_OVER = True

    def params(self) -> dict[str, Any]:
        return {"transform_param": {"crop_size": self.crop_size}, "batch_size": self.batch_size,
                "channels": self.channels, "height": self.crop_size, "width": self.crop_size}


@lego
class Dummy(Source):
    """Random images, all of class 0: to measure time and memory without data."""

    TYPE = "DummyData"
    ABOUT = "No data: random images, all of class 0, to measure time and memory."

    def params(self) -> dict[str, Any]:
        image = [self.batch_size, self.channels, self.crop_size, self.crop_size]
        return {"shape": [{"dim": image}, {"dim": [self.batch_size]}],
                "data_filler": [{"type": "gaussian", "std": 1}, {"type": "constant"}]}


@lego
class Hdf5(Source):
    """HDF5 files with the datasets ``data`` and ``label``; shuffled in training."""

    source: str

    TYPE = "HDF5Data"
    ABOUT = ("The data: HDF5 files with datasets `data` and `label`, ready to use: Caffe does not\n"
             "transform them. `source` is a text file with one path a line.")

    def params(self) -> dict[str, Any]:
        shuffle = {"shuffle": True} if self.train else {}
        return {"source": self.source, "batch_size": self.batch_size, **shuffle}


SOURCES: dict[str, type[Source]] = {
    "lmdb": Lmdb,
    "image_list": ImageList,
    "memory": Memory,
    "dummy": Dummy,
    "hdf5": Hdf5,
}
