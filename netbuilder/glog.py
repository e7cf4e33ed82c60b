"""Lines as glog and Caffe write them: what the embedded engine says, and what a log holds."""

from __future__ import annotations

import threading
from datetime import datetime


def glog_line(severity: str, when: datetime, place: str, text: str) -> str:
    """``I1120 11:57:35.751462 16059 solver.py:239] text``: severity, time, thread, place."""
    return f"{severity}{when:%m%d %H:%M:%S.%f} {threading.get_native_id():5d} {place}] {text}\n"


def output_line(phase: str, index: int, name: str, value: float, weight: float) -> str:
    """One number of a net's outputs; with a loss weight also its part in the loss (solver.cpp)."""
    return f"    {phase} net output #{index}: {name} = {value:g}{loss_part(value, weight)}"


def loss_part(value: float, weight: float) -> str:
    """What an output with a loss weight adds to the loss; nothing for one without."""
    return f" (* {weight:g} = {weight * value:g} loss)" if weight else ""
