"""What no process can hand to another: pycaffe's C++ objects, which it refuses to pickle."""

from __future__ import annotations

from typing import NoReturn

from netbuilder.errors import EngineError


class Unpickled:
    """Can be neither pickled nor copied; EngineError, pycaffe's RuntimeError, says so."""

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise EngineError(f'Pickling of "caffe._caffe.{type(self).__name__}" instances is not '
                          "enabled, nor is copying: pickle or copy arrays, such as blob.data")
