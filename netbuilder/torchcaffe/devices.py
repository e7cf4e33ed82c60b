"""The GPUs of this machine as PyTorch sees them: ``python -m netbuilder.torchcaffe.devices``.

Prints one line of JSON; the figures and their order are those of Caffe::DeviceQuery (common.cpp)
as far as PyTorch tells them.
"""

from __future__ import annotations

import json
from typing import Any

import torch


def query() -> dict[str, Any]:
    """PyTorch's version, the CUDA it is built for (None: it is not), and its devices."""
    return {"torch": torch.__version__, "cuda": torch.version.cuda,
            "devices": [_device(number) for number in range(torch.cuda.device_count())]}


def _device(number: int) -> dict[str, Any]:
    """Caffe's names of the figures; memory is in bytes."""
    found = torch.cuda.get_device_properties(number)
    free, total = torch.cuda.mem_get_info(number)
    return {
        "Device id": number, "Major revision number": found.major,
        "Minor revision number": found.minor, "Name": found.name, "Total global memory": total,
        "Free global memory": free, "Number of multiprocessors": found.multi_processor_count,
    }


if __name__ == "__main__":
    print(json.dumps(query()))
