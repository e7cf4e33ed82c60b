"""Legos: the pieces that networks are built from."""

from netbuilder.lego.base import BaseLego, Chain, LayerLego, Parallel, lego, legos
from netbuilder.lego.classifier import EndPool, FCReLU, FCStage
from netbuilder.lego.conv import BNReLU, Conv, ConvBN, ConvBNReLU, ConvReLU, EltwiseReLU
from netbuilder.lego.data import SOURCES, Dummy, Hdf5, ImageList, Lmdb, Memory
from netbuilder.lego.enet import ENET_BOTTLENECKS, ENetBottleneck, ENetStem, ZeroPad
from netbuilder.lego.fire import Fire
from netbuilder.lego.gate import SqueezeExcite
from netbuilder.lego.inception import Inception, InceptionBranch
from netbuilder.lego.inception_resnet import Branches, InceptionResidual, InnerAverage
from netbuilder.lego.nin import NINBlock
from netbuilder.lego.residual import MAIN_BRANCHES, ConvBranch, Shortcut
from netbuilder.lego.torch7 import (
    SPATIAL_DROPOUTS,
    SpatialDropout,
    TorchConv,
    TorchLinear,
    TorchMaxPool,
    TorchNorm,
)

__all__ = [
    "ENET_BOTTLENECKS", "MAIN_BRANCHES", "SOURCES", "SPATIAL_DROPOUTS", "BNReLU", "BaseLego",
    "Branches", "Chain", "Conv", "ConvBN", "ConvBNReLU", "ConvBranch", "ConvReLU", "Dummy",
    "ENetBottleneck", "ENetStem", "EltwiseReLU", "EndPool", "FCReLU", "FCStage", "Fire", "Hdf5",
    "ImageList", "Inception", "InceptionBranch", "InceptionResidual", "InnerAverage",
    "LayerLego", "Lmdb", "Memory", "NINBlock", "Parallel", "Shortcut", "SpatialDropout",
    "SqueezeExcite", "TorchConv", "TorchLinear", "TorchMaxPool", "TorchNorm", "ZeroPad", "lego",
    "legos",
]
