"""Legos: the pieces that networks are built from."""

from netbuilder.lego.base import BaseLego, Chain, LayerLego, Parallel, lego, legos
from netbuilder.lego.classifier import EndPool, FCReLU, FCStage
from netbuilder.lego.conv import BNReLU, Conv, ConvBN, ConvBNReLU, ConvReLU, EltwiseReLU
from netbuilder.lego.data import SOURCES, Dummy, Hdf5, ImageList, Lmdb, Memory
from netbuilder.lego.fire import Fire
from netbuilder.lego.gate import SqueezeExcite
from netbuilder.lego.inception import Inception, InceptionBranch
from netbuilder.lego.residual import MAIN_BRANCHES, ConvBranch, Shortcut

__all__ = [
    "MAIN_BRANCHES", "SOURCES", "BNReLU", "BaseLego", "Chain", "Conv", "ConvBN", "ConvBNReLU",
    "ConvBranch", "ConvReLU", "Dummy", "EltwiseReLU", "EndPool", "FCReLU", "FCStage", "Fire",
    "Hdf5", "ImageList", "Inception", "InceptionBranch", "LayerLego", "Lmdb", "Memory", "Parallel",
    "Shortcut", "SqueezeExcite", "lego", "legos",
]
