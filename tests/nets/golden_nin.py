"""Network in network, with batch norm and without: figures of the trained models' printouts."""

from golden import Golden

SMALL = {"widths": (24, 32, 48, 64), "crop_size": 64, "num_classes": 10}
BLOBS = {"conv_1": (96, 56, 56), "pool1": (96, 28, 28), "conv_2": (256, 28, 28),
         "pool2": (256, 14, 14), "conv_3": (384, 14, 14), "pool3": (384, 7, 7),
         "conv_4_cccp_b": (1024, 7, 7), "pool": (1024, 1, 1), "fc1000": (1000,)}

ROWS = {
    "nin": Golden("nin", {}, layers=58, learned=8_655_336, stored=8_665_908, macs=1_259_939_840,
                  blobs=BLOBS, small=SMALL),
    "nin without batch norm": Golden(
        "nin", {"batch_norm": False}, layers=34, learned=8_644_776, stored=8_644_776,
        macs=1_259_939_840, blobs=BLOBS, small=SMALL),
}
