"""Timer: a stopwatch that waits for the GPU (benchmark.cpp)."""

from __future__ import annotations

import time

from netbuilder.torchcaffe import mode


class Timer:
    """Measures from ``start`` to ``stop``; ``ms`` is what it measured last."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._seconds = 0.0

    def start(self) -> None:
        """Begins to measure; does nothing while it measures already."""
        if self._started is None:
            self._started = _now()

    def stop(self) -> None:
        """Ends the measurement."""
        if self._started is not None:
            self._seconds, self._started = _now() - self._started, None

    @property
    def ms(self) -> float:
        """Milliseconds; a running measurement is stopped, one never begun is 0."""
        self.stop()
        return self._seconds * 1000


def _now() -> float:
    mode.synchronize()
    return time.perf_counter()
