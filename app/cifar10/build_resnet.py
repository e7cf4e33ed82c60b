"""Residual networks for CIFAR-10: `netbuilder build resnet_cifar10`, as a script."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import checkout

try:
    from netbuilder.cli.build import network_command
    from netbuilder.nets.resnet_cifar10 import resnet_cifar10
except ModuleNotFoundError as missing:
    checkout.in_environment(missing)

if __name__ == "__main__":
    network_command(resnet_cifar10).main(prog_name=f"python {sys.argv[0]}")
