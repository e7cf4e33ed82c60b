"""Residual networks for ImageNet: `netbuilder build resnet`, as a script."""

import gc
import os
import sys

gc.disable()  # it would take a tenth of a run that ends before it pays
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

from netbuilder.cli.build import network_command  # noqa: E402
from netbuilder.nets.resnet import resnet  # noqa: E402

if __name__ == "__main__":
    network_command(resnet).main(prog_name=f"python {sys.argv[0]}")
