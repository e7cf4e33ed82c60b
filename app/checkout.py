"""Lets a script of app/ run from a checkout: its package, and the environment that make set up.

The scripts end before collecting garbage pays, which would take a fifth of their time.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import NoReturn

gc.disable()
atexit.register(gc.freeze)  # nothing is left to search when Python ends

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)


def in_environment(missing: ModuleNotFoundError) -> NoReturn:
    """Runs the script again with .venv's Python; where there is none, says how to get it."""
    environment = os.path.join(ROOT, ".venv")
    python = os.path.join(environment, "bin", "python")
    if os.path.exists(python) and os.path.realpath(sys.prefix) != os.path.realpath(environment):
        os.execv(python, [python, *sys.argv])
    sys.exit(f"error: this Python has no {missing.name}; `make demo` sets up .venv with all that "
             f"is needed, or: pip install {ROOT}")
