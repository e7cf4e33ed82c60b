"""Nets built as the published ones are, but narrow; in TRAIN no Dropout draws anything."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from layer_cases import TRAIN, Arrays, Case, labels, net_text, normal
from whole_nets import accuracy, add, conv, loss, pool, relu

CLASSES = 7
GAUSSIAN = 'weight_filler { type: "gaussian" std: 0.1 } bias_filler { type: "constant" value: 0.1 }'
XAVIER = 'weight_filler { type: "xavier" } bias_filler { type: "constant" value: 0.2 }'
MSRA = 'weight_filler { type: "msra" } bias_term: false'


def any_layer(kind: str, bottoms: str, top: str, fields: str = "", name: str = "") -> str:
    ends = "".join(f'bottom: "{one}" ' for one in bottoms.split())
    tops = "".join(f'top: "{one}" ' for one in top.split())
    return f'layer {{ name: "{name or top}" type: "{kind}" {ends}{tops}{fields} }}\n'


def dense(name: str, bottom: str, outputs: int, fillers: str = XAVIER, rest: str = "") -> str:
    return any_layer("InnerProduct", bottom, name,
                     f"inner_product_param {{ num_output: {outputs} {fillers} }} {rest}")


def rectified(name: str, bottom: str, outputs: int, fields: str) -> str:
    return conv(name, bottom, outputs, fields) + relu(f"{name}_relu", name)


def dropout(blob: str, ratio: float = 0.5) -> str:
    """In TEST as published; in TRAIN nothing is dropped, so that numbers can be compared."""
    return "".join(any_layer("Dropout", blob, blob, f"dropout_param {{ dropout_ratio: {share} }} "
                             f"include {{ phase: {phase} }}", f"{blob}_drop")
                   for phase, share in (("TRAIN", 0), ("TEST", ratio)))


def lrn(name: str, bottom: str) -> str:
    return any_layer("LRN", bottom, name, "lrn_param { local_size: 5 alpha: 0.5 beta: 0.75 }")


def scored(bottom: str) -> str:
    return loss(bottom) + accuracy(bottom)


def alexnet(random: Random) -> tuple[Arrays, str]:
    """Two towers as groups, LRN before overlapping pooling, dropout between dense layers."""
    net = (
        rectified("conv1", "data", 8, f"kernel_size: 11 stride: 4 {GAUSSIAN}")
        + lrn("norm1", "conv1") + pool("pool1", "norm1", "kernel_size: 3 stride: 2")
        + rectified("conv2", "pool1", 12, f"kernel_size: 5 pad: 2 group: 2 {GAUSSIAN}")
        + lrn("norm2", "conv2") + pool("pool2", "norm2", "kernel_size: 3 stride: 2")
        + rectified("conv3", "pool2", 16, f"kernel_size: 3 pad: 1 {GAUSSIAN}")
        + rectified("conv4", "conv3", 16, f"kernel_size: 3 pad: 1 group: 2 {GAUSSIAN}")
        + rectified("conv5", "conv4", 12, f"kernel_size: 3 pad: 1 group: 2 {GAUSSIAN}")
        + pool("pool5", "conv5", "kernel_size: 3 stride: 2")
        + dense("fc6", "pool5", 24, GAUSSIAN) + relu("relu6", "fc6") + dropout("fc6")
        + dense("fc7", "fc6", 24, GAUSSIAN) + relu("relu7", "fc7") + dropout("fc7")
        + dense("fc8", "fc7", CLASSES, GAUSSIAN) + scored("fc8")
    )
    return {"data": normal(random, 3, 3, 99, 99), "label": labels(random, CLASSES, 3)}, net


def inception(name: str, bottom: str, ones: int, threes: int, fives: int) -> str:
    return (
        rectified(f"{name}/1x1", bottom, ones, f"kernel_size: 1 {XAVIER}")
        + rectified(f"{name}/3x3_reduce", bottom, threes, f"kernel_size: 1 {XAVIER}")
        + rectified(f"{name}/3x3", f"{name}/3x3_reduce", threes, f"kernel_size: 3 pad: 1 {XAVIER}")
        + rectified(f"{name}/5x5_reduce", bottom, fives, f"kernel_size: 1 {XAVIER}")
        + rectified(f"{name}/5x5", f"{name}/5x5_reduce", fives, f"kernel_size: 5 pad: 2 {XAVIER}")
        + pool(f"{name}/pool", bottom, "kernel_size: 3 stride: 1 pad: 1")
        + rectified(f"{name}/pool_proj", f"{name}/pool", fives, f"kernel_size: 1 {XAVIER}")
        + any_layer("Concat", " ".join(f"{name}/{end}" for end in
                                       ("1x1", "3x3", "5x5", "pool_proj")), f"{name}/output")
    )


def auxiliary(name: str, bottom: str) -> str:
    return (
        pool(f"{name}/ave_pool", bottom, "pool: AVE kernel_size: 5 stride: 3")
        + rectified(f"{name}/conv", f"{name}/ave_pool", 6, f"kernel_size: 1 {XAVIER}")
        + dense(f"{name}/fc", f"{name}/conv", 12) + relu(f"{name}/relu_fc", f"{name}/fc")
        + dropout(f"{name}/fc", 0.7) + dense(f"{name}/classifier", f"{name}/fc", CLASSES)
        + loss(f"{name}/classifier", f"{name}/loss", "loss_weight: 0.3")
    )


def googlenet(random: Random) -> tuple[Arrays, str]:
    """Inceptions, two auxiliary heads of weight 0.3, top-1 and top-5."""
    net = (
        rectified("conv1", "data", 8, f"kernel_size: 7 stride: 2 pad: 3 {XAVIER}")
        + pool("pool1", "conv1", "kernel_size: 3 stride: 2") + lrn("norm1", "pool1")
        + rectified("conv2_reduce", "norm1", 8, f"kernel_size: 1 {XAVIER}")
        + rectified("conv2", "conv2_reduce", 12, f"kernel_size: 3 pad: 1 {XAVIER}")
        + lrn("norm2", "conv2") + inception("3a", "norm2", 4, 6, 4)
        + auxiliary("loss1", "3a/output") + inception("3b", "3a/output", 6, 6, 3)
        + auxiliary("loss2", "3b/output") + pool("pool3", "3b/output", "kernel_size: 3 stride: 2")
        + inception("4a", "pool3", 6, 8, 4)
        + pool("pool5", "4a/output", "pool: AVE kernel_size: 8 stride: 1") + dropout("pool5", 0.4)
        + dense("classifier", "pool5", CLASSES) + scored("classifier")
        + any_layer("Accuracy", "classifier label", "top5",
                    "accuracy_param { top_k: 5 } include { phase: TEST }")
    )
    return {"data": normal(random, 2, 3, 64, 64), "label": labels(random, CLASSES, 2)}, net


def normed(name: str, bottom: str, outputs: int, fields: str, ending: str = "") -> str:
    return (conv(name, bottom, outputs, f"{fields} {MSRA}")
            + any_layer("BatchNorm", name, name, name=f"bn_{name}")
            + any_layer("Scale", name, name, "scale_param { bias_term: true }", f"scale_{name}")
            + ending)


def bottleneck(name: str, bottom: str, width: int, stride: int = 1, project: bool = False) -> str:
    ends = [f"{name}_{end}" for end in ("a", "b", "c")]
    return (
        (normed(f"{name}_1", bottom, 4 * width, f"kernel_size: 1 stride: {stride}")
         if project else "")
        + normed(ends[0], bottom, width, f"kernel_size: 1 stride: {stride}",
                 relu(f"{ends[0]}_relu", ends[0]))
        + normed(ends[1], ends[0], width, "kernel_size: 3 pad: 1", relu(f"{ends[1]}_relu", ends[1]))
        + normed(ends[2], ends[1], 4 * width, "kernel_size: 1")
        + add(name, f"{name}_1" if project else bottom, ends[2]) + relu(f"{name}_relu", name)
    )


def resnet(random: Random) -> tuple[Arrays, str]:
    """Bottlenecks with BatchNorm, Scale and ReLU in place; identity and projection."""
    net = (
        normed("conv1", "data", 8, "kernel_size: 7 stride: 2 pad: 3", relu("conv1_relu", "conv1"))
        + pool("pool1", "conv1", "kernel_size: 3 stride: 2")
        + bottleneck("res2a", "pool1", 4, project=True) + bottleneck("res2b", "res2a", 4)
        + bottleneck("res3a", "res2b", 6, 2, project=True) + bottleneck("res3b", "res3a", 6)
        + pool("pool5", "res3b", "pool: AVE kernel_size: 5 stride: 1")
        + dense("fc", "pool5", CLASSES) + scored("fc")
    )
    return {"data": normal(random, 6, 3, 37, 37), "label": labels(random, CLASSES, 6)}, net


def lstm(name: str, bottoms: str, outputs: int, kind: str = "LSTM") -> str:
    return any_layer(kind, bottoms, name, f"recurrent_param {{ num_output: {outputs} "
                     'weight_filler { type: "uniform" min: -0.3 max: 0.3 } '
                     'bias_filler { type: "constant" value: 0.1 } }')


def captions(random: Random) -> tuple[Arrays, str]:
    """Embedded words, two LSTMs, the second with an image's features; unknown words ignored."""
    steps, streams, words = 6, 3, 9
    wanted = "loss_weight: 20 softmax_param { axis: 2 } loss_param { ignore_label: -1 }"
    net = (
        any_layer("Embed", "words", "embedded", f"embed_param {{ input_dim: {words} num_output: 5 "
                  'bias_term: false weight_filler { type: "uniform" min: -0.5 max: 0.5 } }')
        + lstm("lstm1", "embedded cont", 8) + dropout("lstm1")
        + dense("features", "image", 4) + lstm("lstm2", "lstm1 cont features", 8)
        + lstm("rnn", "lstm2 cont", 8, "RNN")
        + dense("predict", "rnn", words, f"axis: 2 {XAVIER}")
        + loss("predict", rest=wanted)
        + accuracy("predict").replace(" }\n", " accuracy_param { axis: 2 ignore_label: -1 } }\n")
        + any_layer("Softmax", "predict", "probs", "softmax_param { axis: 2 }")
    )
    begins = labels(random, 3, steps, streams) > 0
    begins[0] = False
    return {"words": labels(random, words, steps, streams), "cont": begins.astype("float32"),
            "label": labels(random, words, steps, streams, ignored=-1),
            "image": normal(random, streams, 6)}, net


def tower(ending: str, bottom: str) -> str:
    def shared(name: str) -> str:
        return f'param {{ name: "{name}_w" lr_mult: 1 }} param {{ name: "{name}_b" lr_mult: 2 }}'
    conv1, pool1, ip1, feat = (f"{name}{ending}" for name in ("conv1", "pool1", "ip1", "feat"))
    return (
        conv(conv1, bottom, 6, f"kernel_size: 5 {XAVIER}", shared("conv1"))
        + pool(pool1, conv1, "kernel_size: 2 stride: 2")
        + dense(ip1, pool1, 12, rest=shared("ip1")) + relu(f"relu{ending}", ip1)
        + dense(feat, ip1, 2, rest=shared("feat"))
    )


def siamese(random: Random) -> tuple[Arrays, str]:
    """Pairs cut in two, towers of the same parameters, a distance."""
    net = (
        any_layer("Slice", "pair", "data data_p", "slice_param { slice_dim: 1 slice_point: 1 }",
                  "slice")
        + tower("", "data") + tower("_p", "data_p")
        + any_layer("ContrastiveLoss", "feat feat_p sim", "loss",
                    "contrastive_loss_param { margin: 2 }")
    )
    return {"pair": normal(random, 8, 2, 16, 16), "sim": labels(random, 2, 8)}, net


def upscore(name: str, bottom: str, kernel: int, stride: int) -> str:
    return any_layer("Deconvolution", bottom, name, "param { lr_mult: 0 } convolution_param { "
                     f"num_output: {CLASSES} group: {CLASSES} kernel_size: {kernel} "
                     f'stride: {stride} bias_term: false weight_filler {{ type: "bilinear" }} }}')


def crop(name: str, bottoms: str, offset: int) -> str:
    return any_layer("Crop", bottoms, name, f"crop_param {{ axis: 2 offset: {offset} }}")


def segmentation(random: Random) -> tuple[Arrays, str]:
    """Scores of two depths, enlarged bilinearly, cropped and added; a label for each pixel.

    No padding beyond the kernel, as FCN has: there all values are equal but for rounding, which
    then chooses the maximum that a pooling takes.
    """
    net = (
        rectified("conv1", "data", 6, f"kernel_size: 5 pad: 4 {XAVIER}")
        + pool("pool1", "conv1", "kernel_size: 2 stride: 2")
        + rectified("conv2", "pool1", 8, f"kernel_size: 3 pad: 1 {XAVIER}")
        + pool("pool2", "conv2", "kernel_size: 2 stride: 2")
        + rectified("fc6", "pool2", 12, f"kernel_size: 5 {XAVIER}") + dropout("fc6")
        + conv("score", "fc6", CLASSES, f"kernel_size: 1 {XAVIER}")
        + upscore("upscore2", "score", 4, 2)
        + conv("score_pool1", "pool1", CLASSES, f"kernel_size: 1 {XAVIER}")
        + crop("score_pool1c", "score_pool1 upscore2", 3)
        + add("fused", "upscore2", "score_pool1c") + upscore("upscore", "fused", 8, 4)
        + crop("cropped", "upscore data", 5)
        + loss("cropped", rest="loss_param { ignore_label: 255 normalize: false }")
    )
    return {"data": normal(random, 2, 3, 24, 21),
            "label": labels(random, CLASSES, 2, 1, 24, 21, ignored=255)}, net


def gated(random: Random) -> tuple[Arrays, str]:
    """Channels and places scaled by what the net makes of them; cut, reshaped and summed."""
    net = (
        conv("conv", "data", 8, f"kernel_size: 3 pad: 1 {XAVIER}")
        + pool("squeeze", "conv", "pool: AVE global_pooling: true") + dense("gate", "squeeze", 8)
        + any_layer("Sigmoid", "gate", "gate", name="gate_sigmoid")
        + any_layer("Scale", "conv gate", "excited", "scale_param { axis: 0 }")
        + any_layer("Slice", "excited", "key value", "slice_param { axis: 1 }", "cut")
        + any_layer("Reshape", "key", "keys", "reshape_param { shape { dim: 0 dim: 4 dim: -1 } }")
        + any_layer("Softmax", "keys", "attention", "softmax_param { axis: 2 }")
        + any_layer("Flatten", "value", "values", "flatten_param { axis: 2 }")
        + any_layer("Eltwise", "attention values", "product", "eltwise_param { operation: PROD }")
        + any_layer("Reduction", "product", "context", "reduction_param { axis: 2 coeff: 2 }")
        + any_layer("Bias", "excited gate", "shifted", "bias_param { axis: 0 }")
        + any_layer("PReLU", "shifted", "bent") + any_layer("MVN", "bent", "whitened")
        + any_layer("Reduction", "whitened", "energy",
                    "reduction_param { operation: ASUM axis: 2 coeff: 0.05 }")
        + any_layer("Concat", "context energy", "joined")
        + dense("fc", "joined", CLASSES) + scored("fc")
    )
    return {"data": normal(random, 4, 3, 9, 8), "label": labels(random, CLASSES, 4)}, net


def chosen(random: Random) -> tuple[Arrays, str]:
    """Only images that a Filter lets through, in an order of their own, go on."""
    net = (
        rectified("conv", "data", 6, f"kernel_size: 3 {XAVIER}")
        + any_layer("Filter", "conv label chosen", "kept kept_label", name="filter")
        + dense("fc", "kept", CLASSES)
        + any_layer("SoftmaxWithLoss", "fc kept_label", "loss",  # a Filter has gradients for all
                    "propagate_down: true propagate_down: false")
        + any_layer("BatchReindex", "conv order", "again")
        + dense("fc2", "again", 3) + any_layer("EuclideanLoss", "fc2 wanted", "distance",
                                               "loss_weight: 0.1")
    )
    chosen = labels(random, 2, 5, 1)
    chosen[:2, 0] = 0, 1
    return {"data": normal(random, 5, 2, 6, 7), "label": labels(random, CLASSES, 5),
            "chosen": chosen, "order": labels(random, 5, 4), "wanted": normal(random, 4, 3)}, net


def autoencoder(random: Random) -> tuple[Arrays, str]:
    """Sparse random weights, sigmoids, two losses, of which one only tells."""
    fillers = 'weight_filler { type: "gaussian" std: 1 sparse: 4 }'
    net, bottom = any_layer("Flatten", "data", "flat"), "data"
    for name, outputs in (("enc1", 14), ("enc2", 9), ("code", 4), ("dec2", 9), ("dec1", 14)):
        net += dense(name, bottom, outputs, fillers)
        if name != "code":
            net += any_layer("Sigmoid", name, f"{name}_n")
        bottom = name if name == "code" else f"{name}_n"
    net += (dense("out", bottom, 20, fillers)
            + any_layer("SigmoidCrossEntropyLoss", "out flat", "entropy", "loss_weight: 1")
            + any_layer("Sigmoid", "out", "drawn")
            + any_layer("EuclideanLoss", "drawn flat", "distance", "loss_weight: 0"))
    return {"data": abs(normal(random, 6, 1, 4, 5)).clip(0, 1)}, net


NETS: dict[str, Callable[[Random], tuple[Arrays, str]]] = {
    net.__name__: net for net in (alexnet, googlenet, resnet, captions, siamese, segmentation,
                                  gated, chosen, autoencoder)}


def published(name: str, phase: int = TRAIN, passes: int = 2) -> Case:
    """A net with its own fillers, and data and labels to put in."""
    arrays, layers = NETS[name](Random(name))
    blobs = {f"data/{blob}": values for blob, values in arrays.items()}
    return Case(name, net_text(arrays, layers, force=False), blobs, phase, passes)
