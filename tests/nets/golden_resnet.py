"""ResNet-50 of pynetbuilder, truly counted (its own convention: test_networks.py)."""

from golden import Golden

ROWS = {
    "resnet 50": Golden(
        "resnet", {}, layers=229, learned=25_583_592, stored=25_636_765, macs=3_857_973_248,
        blobs={"pool1": (64, 56, 56), "eltwise_stage0_block2": (256, 56, 56),
               "eltwise_stage1_block3": (512, 28, 28), "eltwise_stage2_block5": (1024, 14, 14),
               "eltwise_stage3_block2": (2048, 7, 7), "pool": (2048, 1, 1), "fc1000": (1000,)},
        small={"blocks": (1, 1), "num_output_stage1": 32, "crop_size": 64, "num_classes": 10}),
    "resnet_cifar10 20": Golden(
        "resnet_cifar10", {}, layers=95, learned=273_258, stored=274_847, macs=40_813_184,
        blobs={"eltwise_stage2_block2": (64, 8, 8), "pool": (64, 1, 1), "fc10": (10,)},
        small={"n": 1}),
}
