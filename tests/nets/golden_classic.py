"""AlexNet, VGG, SqueezeNet and GoogLeNet; test_classic.py sums the parameters by hand."""

from golden import Golden

ALEXNET = {"conv1": (96, 55, 55), "pool1": (96, 27, 27), "pool2": (256, 13, 13),
           "pool5": (256, 6, 6), "fc6": (4096,), "fc8": (1000,)}
SMALL_ALEXNET = {"width": 12, "fc_width": 16, "crop_size": 67, "num_classes": 10}
SMALL_VGG = {"width": 4, "fc_width": 16, "crop_size": 32, "num_classes": 10}

ROWS = {
    "alexnet": Golden("alexnet", {}, layers=24, learned=60_965_224, stored=60_965_224,
                      macs=724_406_816, blobs=ALEXNET, small=SMALL_ALEXNET),
    "alexnet batch norm": Golden(
        "alexnet", {"norm": "batch_norm"}, layers=32, learned=60_967_976, stored=60_970_733,
        macs=724_406_816, blobs=ALEXNET, small=SMALL_ALEXNET),
    "caffenet": Golden("caffenet", {}, layers=24, learned=60_965_224, stored=60_965_224,
                       macs=724_406_816, blobs=ALEXNET, small=SMALL_ALEXNET),
    "vgg16": Golden(
        "vgg16", {}, layers=40, learned=138_357_544, stored=138_357_544, macs=15_470_264_320,
        blobs={"conv1_2": (64, 224, 224), "pool1": (64, 112, 112), "conv3_3": (256, 56, 56),
               "pool5": (512, 7, 7), "fc7": (4096,), "fc8": (1000,)}, small=SMALL_VGG),
    "vgg16 batch norm": Golden(
        "vgg", {"batch_norm": True}, layers=66, learned=138_365_992, stored=138_374_453,
        macs=15_470_264_320, blobs={"pool5": (512, 7, 7)}, small=SMALL_VGG),
    "vgg19": Golden(
        "vgg19", {}, layers=46, learned=143_667_240, stored=143_667_240, macs=19_632_062_464,
        blobs={"conv5_4": (512, 14, 14), "pool5": (512, 7, 7), "fc8": (1000,)}, small=SMALL_VGG),
    "squeezenet": Golden(
        "squeezenet", {}, layers=67, learned=1_248_424, stored=1_248_424, macs=861_339_936,
        blobs={"conv1": (96, 111, 111), "pool1": (96, 55, 55), "fire4/concat": (256, 55, 55),
               "pool4": (256, 27, 27), "fire8/concat": (512, 27, 27), "pool8": (512, 13, 13),
               "conv10": (1000, 15, 15), "pool10": (1000, 1, 1)},
        small={"width": 16, "squeeze": 4, "crop_size": 64, "num_classes": 10}),
    "googlenet": Golden(
        "googlenet", {}, layers=143, learned=6_998_552, stored=6_998_552, macs=1_582_671_872,
        blobs={"pool1/3x3_s2": (64, 56, 56), "pool2/3x3_s2": (192, 28, 28),
               "inception_3b/output": (480, 28, 28), "inception_4a/output": (512, 14, 14),
               "inception_4e/output": (832, 14, 14), "inception_5b/output": (1024, 7, 7),
               "pool5/7x7_s1": (1024, 1, 1), "loss3/classifier": (1000,)},
        small={"width": 8, "crop_size": 64, "num_classes": 10}),
}
