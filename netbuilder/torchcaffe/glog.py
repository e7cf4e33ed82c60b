"""The engine's log: glog's lines on stderr, in Caffe's phrasing, through Python's logging.

As pycaffe does, an engine talks by default; GLOG_minloglevel=1 keeps it to warnings, as there.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from datetime import datetime

_LEVEL = "GLOG_minloglevel"  # glog's own spelling
_LEVELS = {"0": logging.INFO, "1": logging.WARNING, "2": logging.ERROR, "3": logging.CRITICAL}


class GlogHandler(logging.Handler):
    """Writes ``I1120 11:57:35.751462 16059 solver.py:239] text`` to what sys.stderr is by then."""

    def emit(self, record: logging.LogRecord) -> None:
        when = datetime.fromtimestamp(record.created)
        place = f"{record.filename}:{record.lineno}"
        sys.stderr.write(f"{record.levelname[0]}{when:%m%d %H:%M:%S.%f} "
                         f"{threading.get_native_id():5d} {place}] {record.getMessage()}\n")


def _logger() -> logging.Logger:
    logger = logging.getLogger("netbuilder.torchcaffe")
    logger.addHandler(GlogHandler())
    logger.setLevel(_LEVELS.get(os.environ.get(_LEVEL, "0"), logging.INFO))
    logger.propagate = False  # whoever sets up logging would see each line twice
    return logger


log = _logger()
