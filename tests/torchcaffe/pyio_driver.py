"""Exercises caffe.io in either engine; in Python 3.6's syntax, for real Caffe's.

``pyio_driver.py images_folder out.npz``: every result goes into out.npz under its name, and every
exception as the list of its class's names, from the class up, in out.npz under "raised name".
"""

import os
import sys

import numpy as np

SIZES = [(1, 1), (5, 7), (6, 3), (13, 17), (9, 30), (31, 40), (12, 16), (3, 2)]
SHAPE = (2, 3, 6, 8)


def image(seed, *shape):
    return np.random.RandomState(seed).uniform(-3, 9, shape)


def resizing(io, found):
    small = image(0, 12, 16, 3)
    kinds = {"float32": small.astype(np.float32), "float64": small,
             "uint8": image(1, 13, 9, 3).astype(np.uint8), "int64": (small * 50).astype(int),
             "gray": image(2, 11, 7, 1).astype(np.float32), "line": small[:, :1],
             "constant": np.full((4, 5, 3), 2.5), "positive": small + 40,
             "two": image(3, 12, 16, 2), "five": image(4, 7, 5, 5).astype(np.float32),
             "large": image(5, 210, 180, 3).astype(np.float32)}
    for name, array in kinds.items():
        for size in SIZES if name != "large" else [(227, 227), (60, 61), (210, 90)]:
            found[f"resize {name} {size}"] = io.resize_image(array, size)
    kinds["odd"] = image(6, 13, 9, 3)
    for order in range(6):
        # Nearest of two equally near pixels: real Caffe's choice in float64 is rounding noise.
        for name in ("odd", "float32", "float64", "five", "positive")[:2 if order == 0 else 5]:
            for size in SIZES[1:6] if name != "odd" else [(4, 6), (20, 14), (2, 32)]:
                found[f"order {order} {name} {size}"] = io.resize_image(
                    kinds[name], size, interp_order=order)


def preparing(io, found):
    settings = {
        "plain": {}, "transposed": {"transpose": (2, 0, 1)},
        "scaled": {"transpose": (2, 0, 1), "raw_scale": 255.0, "input_scale": 0.017},
        "swapped": {"transpose": (2, 0, 1), "channel_swap": (2, 1, 0), "raw_scale": 255,
                    "mean": np.array([104.0, 117.0, 123.0])},
        "mean image": {"transpose": (2, 0, 1), "mean": image(6, 3, 6, 8)},
        "large mean": {"transpose": (2, 0, 1), "mean": image(7, 3, 10, 11), "input_scale": 2.0},
        "gray": {"transpose": (2, 0, 1), "mean": image(8, 6, 8), "raw_scale": 7.5},
    }
    for name, chosen in settings.items():
        channels = 1 if name == "gray" else 3
        transformer = io.Transformer({"data": (2, channels, 6, 8)})
        for key, value in chosen.items():
            getattr(transformer, "set_" + key)("data", value)
        for size in [(6, 8), (9, 5)]:
            for kind in ("float32", "float64", "uint8"):
                given = np.abs(image(9, size[0], size[1], channels)).astype(kind)
                label = f"{name} {size} {kind}"
                made = transformer.preprocess("data", given)
                found["in " + label] = np.array(made)
                found["given " + label] = given
                if channels == 1:  # pycaffe cannot make that back into an image
                    continue
                found["back " + label] = transformer.deprocess("data", made[None])


def cropping(io, found):
    for size, crop in [((8, 10), (5, 6)), ((9, 9), (4, 4)), ((6, 7), (6, 7)), ((11, 8), (4, 5))]:
        images = [image(seed, size[0], size[1], 2) for seed in range(3)]
        found[f"oversample {size} {crop}"] = io.oversample(images, crop)


def converting(io, found):
    for shape in [(2, 3), (1, 2, 3, 4), (5,), (0, 3), ()]:
        array, diff = image(1, *shape), image(2, *shape)
        array, diff = np.array(array), np.array(diff)
        blob = io.array_to_blobproto(array, diff)
        found[f"blob {shape}"] = io.blobproto_to_array(blob)
        found[f"diff {shape}"] = io.blobproto_to_array(blob, return_diff=True)
        found[f"bytes {shape}"] = np.frombuffer(blob.SerializeToString(), np.uint8)
    arrays = [image(3, 2, 3), image(4, 1, 2, 2, 2)]
    text = io.arraylist_to_blobprotovector_str(arrays)
    found["vector"] = np.frombuffer(text, np.uint8)
    for index, array in enumerate(io.blobprotovector_str_to_arraylist(text)):
        found[f"vector {index}"] = array
    for kind in ("uint8", "int32", "float32", "float64"):
        given = np.abs(image(5, 3, 4, 5) * 10).astype(kind)
        for label in (None, 7):
            datum = io.array_to_datum(given, label)
            found[f"datum {kind} {label}"] = np.frombuffer(
                datum.SerializeToString(), np.uint8)
            found[f"from datum {kind} {label}"] = io.datum_to_array(datum)


def loading(io, found, folder):
    for name in sorted(os.listdir(folder)):
        for color in (True, False):
            found[f"load {name} {color}"] = io.load_image(os.path.join(folder, name), color)


def failing(io, proto):
    """What raises: name -> call."""
    transformer = io.Transformer({"data": SHAPE})
    datum = proto.Datum(channels=2, height=2, width=2, data=b"abc")
    blob = proto.BlobProto(data=[1, 2, 3])
    other = np.zeros((3, 4, 4))
    calls = {
        "datum of a matrix": lambda: io.array_to_datum(np.zeros((2, 3))),
        "datum of wrong sizes": lambda: io.datum_to_array(datum),
        "blob without shape": lambda: io.blobproto_to_array(blob),
        "transpose": lambda: transformer.set_transpose("data", (1, 0)),
        "swap": lambda: transformer.set_channel_swap("data", (1, 0)),
        "mean of channels": lambda: transformer.set_mean("data", np.zeros(4)),
        "mean of dimensions": lambda: transformer.set_mean("data", np.zeros((1, 3, 6, 8))),
        "mean of a plane": lambda: transformer.set_mean("data", image(1, 6, 8)),
        "mean of one number": lambda: transformer.set_mean("data", np.array(1.0)),
        "mean of another plane": lambda: transformer.set_mean("data", image(1, 4, 4)),
        "no file": lambda: io.load_image("is_not_there.png"),
        "crop too large": lambda: io.oversample([other], (9, 9)),
    }
    for name in ("transpose", "channel_swap", "raw_scale", "mean", "input_scale"):
        calls["no input, " + name] = lambda name=name: getattr(
            transformer, "set_" + name)("label", np.zeros(3))
    calls["no input, preprocess"] = lambda: transformer.preprocess("label", other)
    calls["no input, deprocess"] = lambda: transformer.deprocess("label", other)
    return calls


def raised(calls, found):
    for name, call in calls.items():
        try:
            call()
        except Exception as error:
            found["raised " + name] = np.array([kind.__name__ for kind in type(error).__mro__])


def run(io, proto, folder):
    found = {}
    resizing(io, found)
    preparing(io, found)
    cropping(io, found)
    converting(io, found)
    loading(io, found, folder)
    raised(failing(io, proto), found)
    return found


def repair_imread():
    """Debian 11's pycaffe asks its scikit-image for ``as_grey``, which is ``as_gray`` there."""
    import skimage.io

    broken = skimage.io.imread
    skimage.io.imread = lambda name, as_grey=False: broken(name, as_gray=as_grey)


if __name__ == "__main__":
    import caffe
    from caffe.proto import caffe_pb2

    repair_imread()
    np.savez(sys.argv[2], **run(caffe.io, caffe_pb2, sys.argv[1]))
