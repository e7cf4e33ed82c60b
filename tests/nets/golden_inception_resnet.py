"""Inception-ResNet-v2: the figures of the network as it was re-trained, and of TF-slim's release.

The re-trained one's 581 layers are 132 Convolution, BatchNorm, Scale and ReLU each, 20 Eltwise, 25
Concat, 5 Pooling, Dropout, InnerProduct and the Input; a deploy file adds the Softmax.
"""

from golden import Golden

BLOBS = {
    "conv_stem_1": (32, 149, 149), "conv_stem_3": (64, 147, 147), "mixed_1_concat": (160, 73, 73),
    "mixed_2_concat": (192, 71, 71), "mixed_3_concat": (384, 35, 35), "a5_concat": (128, 35, 35),
    "eltwise_a5": (384, 35, 35), "reduction_1_concat": (1152, 17, 17),
    "eltwise_b10": (1152, 17, 17), "reduction_2_concat": (2048, 8, 8), "c5_concat": (448, 8, 8),
    "eltwise_c5": (2048, 8, 8), "pool": (2048, 1, 1), "fc1000": (1000,),
}
SLIM_BLOBS = {
    "conv_stem_5": (80, 73, 73), "conv_stem_6": (192, 71, 71), "pool_stem_7": (192, 35, 35),
    "mixed_1_concat": (320, 35, 35), "eltwise_a10": (320, 35, 35),
    "reduction_1_concat": (1088, 17, 17), "eltwise_b20": (1088, 17, 17),
    "reduction_2_concat": (2080, 8, 8), "eltwise_c10": (2080, 8, 8), "conv_end_1": (1536, 8, 8),
    "pool": (1536, 1, 1),
}
SMALL = {"crop_size": 107, "num_classes": 10, "blocks": (1, 1, 1), "width": 0.25}


def row(layers: int, figures: tuple[int, int, int], blobs: dict[str, tuple[int, ...]],
        **options: object) -> Golden:
    return Golden("inception_resnet_v2", options, layers, *figures, blobs, SMALL)


ROWS = {
    "Inception-ResNet-v2": row(582, (31_574_440, 31_654_540, 9_190_937_184), BLOBS),
    "Inception-ResNet-v2 as printed": row(582, (31_574_440, 31_654_540, 9_190_937_184), BLOBS,
                                          orientation="printed"),
    "Inception-ResNet-v2 10/20/10": row(1062, (54_048_840, 54_200_890, 14_049_435_744), {},
                                        blocks=(10, 20, 10)),
    "TF-slim": row(992, (55_843_464, 55_904_212, 13_155_794_016),
                   {**SLIM_BLOBS, "fc1000": (1000,)}, variant="slim"),
    "TF-slim, 1001 classes": row(992, (55_845_001, 55_905_749, 13_155_795_552),
                                 {**SLIM_BLOBS, "fc1001": (1001,)}, variant="slim",
                                 num_classes=1001),
}
