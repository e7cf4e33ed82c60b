"""The engine's log: glog's lines on stderr, in Caffe's phrasing, through Python's logging.

As pycaffe does, an engine talks by default; GLOG_minloglevel=1 keeps it to warnings, as there.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import datetime

from netbuilder.glog import glog_line

_VARIABLE = "GLOG_minloglevel"  # glog's own spelling
_LEVELS = {"0": logging.INFO, "1": logging.WARNING, "2": logging.ERROR, "3": logging.CRITICAL}
_chosen: dict[str, int] = {}  # by init_log, in place of the environment


def set_level(level: int) -> None:
    """Says how much the log tells from now on: glog's 0 to 3."""
    _chosen["level"] = _LEVELS.get(str(level), logging.CRITICAL)


def _is_told(record: logging.LogRecord) -> bool:
    # Asked each time: a script sets the variable before it imports caffe, and we are there before.
    environment = _LEVELS.get(os.environ.get(_VARIABLE, "0"), logging.INFO)
    return record.levelno >= _chosen.get("level", environment)


class GlogHandler(logging.Handler):
    """Writes glog's lines to what sys.stderr is by then."""

    def emit(self, record: logging.LogRecord) -> None:
        when, place = datetime.fromtimestamp(record.created), f"{record.filename}:{record.lineno}"
        sys.stderr.write(glog_line(record.levelname[0], when, place, record.getMessage()))


def _logger() -> logging.Logger:
    logger = logging.getLogger("netbuilder.torchcaffe")
    logger.addHandler(GlogHandler())
    logger.addFilter(_is_told)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # whoever sets up logging would see each line twice
    return logger


log = _logger()
