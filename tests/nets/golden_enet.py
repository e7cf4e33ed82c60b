"""ENet V2 and V3: figures of the description that the originals were measured by."""

from golden import Golden

SMALL = {"crop_size": 64, "num_classes": 10}
STEM = {"conv_stem": (13, 112, 112), "stem_concat": (16, 112, 112), "eltwise_b1_0": (64, 56, 56),
        "eltwise_b1_4": (64, 56, 56), "eltwise_b2_0": (128, 28, 28), "eltwise_b2_7": (128, 28, 28)}

ROWS = {
    "enet v2": Golden(
        "enet_v2", {}, layers=454, learned=527_764, stored=536_125, macs=235_390_720,
        blobs={**STEM, "eltwise_b2_8": (128, 28, 28), "eltwise_b3_0": (128, 14, 14),
               "eltwise_b3_8": (128, 14, 14), "eltwise_b4_0": (128, 7, 7), "pool": (128, 1, 1),
               "fc1000": (1000,)},
        small=SMALL),
    "enet v3": Golden(
        "enet_v3", {}, layers=458, learned=2_099_508, stored=2_113_629, macs=427_196_160,
        blobs={**STEM, "eltwise_b2_8": (256, 28, 28), "eltwise_b3_0": (256, 14, 14),
               "eltwise_b3_8": (512, 14, 14), "eltwise_b4_0": (512, 7, 7), "pool": (512, 1, 1),
               "fc1000": (1000,)},
        small=SMALL, rate=0.0002),
    "enet": Golden(
        "enet", {"dropout": "inverted"}, layers=458, learned=2_099_508, stored=2_113_629,
        macs=427_196_160, small={**SMALL, "passes": 1}, rate=0.001),
}
