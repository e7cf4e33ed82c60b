"""Deeper, pre-activation, wide, grouped and gated residual networks; test_residual_nets.py sums
the parameters by hand."""

from golden import Golden

MAPS = {"pool1": (64, 56, 56), "eltwise_stage0_block2": (256, 56, 56),
        "eltwise_stage3_block2": (2048, 7, 7), "pool": (2048, 1, 1), "fc1000": (1000,)}
SMALL = {"blocks": (1, 1), "num_output_stage1": 64, "crop_size": 64, "num_classes": 10}


def named(network: str, layers: int, learned: int, stored: int, macs: int, **facts) -> Golden:
    return Golden(network, {}, layers, learned, stored, macs, **{"small": SMALL, **facts})


ROWS = {
    "resnet18": named("resnet18", 90, 11_694_312, 11_703_932, 1_814_073_344),
    "resnet34": named("resnet34", 162, 21_806_184, 21_823_244, 3_663_761_408),
    "resnet50": named("resnet50", 229, 25_583_592, 25_636_765, 3_857_973_248, blobs=MAPS),
    "resnet101": named("resnet101", 450, 44_601_832, 44_707_280, 7_570_194_432),
    "resnet152": named("resnet152", 671, 60_268_520, 60_420_099, 11_282_415_616),
    "preact_resnet50": named("preact_resnet50", 221, 25_549_352, 25_594_841, 3_857_973_248,
                             blobs={**MAPS, "bn_last": (2048, 7, 7)}),
    "preact_resnet152": named("preact_resnet152", 663, 60_185_128, 60_329_023, 11_282_415_616),
    "preact_resnet200": named("preact_resnet200", 871, 64_666_152, 64_834_671, 14_776_270_848),
    "resnext50": named("resnext50", 229, 25_028_904, 25_097_181, 4_230_479_872, blobs=MAPS),
    "se_resnet50": named("se_resnet50", 325, 28_088_024, 28_141_197, 3_860_488_192, blobs={
        **MAPS, "gate_stage0_block0": (256,), "gated_stage0_block0": (256, 56, 56)}),
    "wide_resnet": named(
        "wide_resnet", 119, 36_479_194, 36_497_171, 5_243_328_768,
        blobs={"conv_1": (16, 32, 32), "eltwise_stage2_block3": (640, 8, 8), "fc10": (10,)},
        small={"n": 1, "width": 2}),
    "resnet_cifar10 110 preact": Golden(
        "resnet_cifar10", {"main_branch": "preact_normal", "n": 18},
        layers=496, learned=1_730_522, stored=1_738_727, macs=253_149_824, small={"n": 1}),
    "resnet_cifar10 164 preact": Golden(
        "resnet_cifar10", {"main_branch": "preact_bottleneck", "n": 18, "width": 4},
        layers=713, learned=1_703_258, stored=1_727_645, macs=244_500_992, small={"n": 1}),
}
