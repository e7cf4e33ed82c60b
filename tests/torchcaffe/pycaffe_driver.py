"""Runs small scripts against a module that speaks pycaffe; in old Pythons too, for real Caffe's."""

import builtins
import importlib
import json
import os
import sys

import numpy as np


def run(caffe, source):
    """What a script leaves in ``r``, in JSON's terms; or the kinds of error that it ends in."""
    space = {"caffe": caffe, "np": np, "os": os}
    try:
        exec(compile(source, "snippet", "exec"), space)
    except Exception as error:
        return {"error": kinds(type(error)), "words": str(error)}
    return {"result": plain(space.get("r"))}


def kinds(error):
    """The names of Python's own classes that an error is one of, beside the most general."""
    return [cls.__name__ for cls in error.__mro__
            if getattr(builtins, cls.__name__, None) is cls and cls not in (BaseException, object)]


def plain(value):
    """A value as JSON has it; an array with its dtype and shape."""
    if isinstance(value, np.ndarray):
        values = plain(value.ravel().tolist()) if value.size <= 40 else "many"
        return {"array": str(value.dtype), "shape": list(value.shape), "values": values}
    for kind, show in SHOWN:
        if isinstance(value, kind):
            return show(value)
    try:
        return [plain(item) for item in value]
    except TypeError:
        return type(value).__name__


SHOWN = (
    (dict, lambda value: {"pairs": [[plain(key), plain(item)] for key, item in value.items()]}),
    ((bool, int, str, type(None)), lambda value: value),
    (bytes, lambda value: "bytes"),
    ((float, np.floating), float),
)


if __name__ == "__main__":
    engine = importlib.import_module(sys.argv[1])
    with open(sys.argv[2]) as file:
        snippets = json.load(file)
    print(json.dumps({name: run(engine, source) for name, source in snippets.items()}))
