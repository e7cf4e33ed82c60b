"""Random numbers with an owner: one stream per net or solver, never torch's global one."""

from __future__ import annotations

from collections.abc import Sequence

import torch

_SEED_LIMIT = 2**63 - 1


class Rng:
    """A stream of random numbers on the CPU, and one on each device that is used.

    Fillers and data sources draw from ``cpu``; ops draw on their device from ``on(device)``. All
    follow from one seed; without a seed the stream is different each time.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.cpu = torch.Generator()
        self._others: dict[torch.device, torch.Generator] = {}
        if seed is None:
            self.cpu.seed()
        else:
            self.seed(seed)

    def seed(self, seed: int) -> None:
        """Starts all streams anew."""
        self.cpu.manual_seed(seed)
        self._others.clear()

    def on(self, device: torch.device) -> torch.Generator:
        """The stream of a device."""
        if device.type == "cpu":
            return self.cpu
        if device not in self._others:
            self._others[device] = torch.Generator(device).manual_seed(self.integer())
        return self._others[device]

    def state(self) -> list[torch.Tensor]:
        """Where all streams stand."""
        return [stream.get_state() for stream in (self.cpu, *self._others.values())]

    def restore(self, state: Sequence[torch.Tensor]) -> None:
        """Brings the streams back to where they stood; those begun since go on."""
        for stream, values in zip((self.cpu, *self._others.values()), state, strict=False):
            stream.set_state(values)

    def integer(self, limit: int = _SEED_LIMIT) -> int:
        """A whole number from 0 to ``limit - 1``; also a seed for someone else's generator."""
        return int(torch.randint(limit, (), generator=self.cpu))
