"""install_as_caffe: from then on ``import caffe`` is this engine, with all of its modules."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from netbuilder.errors import EngineError

OURS = "netbuilder.torchcaffe"


class _Alias(Loader):
    """Makes an import of ``caffe.x`` end in the module ``netbuilder.torchcaffe.x`` itself."""

    def __init__(self, target: str) -> None:
        self.target = target

    def exec_module(self, module: ModuleType) -> None:
        # The import system takes what stands in sys.modules at the end.
        sys.modules[module.__spec__.name] = importlib.import_module(self.target)


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        if not fullname.startswith("caffe."):
            return None
        name = OURS + fullname.removeprefix("caffe")
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            return None
        return ModuleSpec(fullname, _Alias(name))


_FINDER = _Finder()


def install_as_caffe() -> None:
    """Makes ``import caffe``, ``from caffe.proto import caffe_pb2`` and all such find this engine.

    Doing it twice does no harm. Raises EngineError if another caffe has been imported before.
    """
    ours = importlib.import_module(OURS)
    found = sys.modules.setdefault("caffe", ours)
    if found is not ours:
        raise EngineError(f"install_as_caffe: another caffe, {getattr(found, '__file__', found)}, "
                          "has been imported already; call it before anything imports caffe")
    sys.modules["caffe.proto"] = sys.modules[f"{OURS}.proto"]
    sys.modules["caffe.proto.caffe_pb2"] = sys.modules[f"{OURS}.proto.caffe_pb2"]
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
