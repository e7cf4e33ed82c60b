"""Inception-ResNet-v2 for ImageNet: `netbuilder build inception_resnet_v2`, as a script."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import checkout

try:
    from netbuilder.cli.build import network_command
    from netbuilder.nets.inception_resnet import inception_resnet_v2
except ModuleNotFoundError as missing:
    checkout.in_environment(missing)

if __name__ == "__main__":
    network_command(inception_resnet_v2).main(prog_name=f"python {sys.argv[0]}")
