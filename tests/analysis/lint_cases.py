"""Nets and solvers with one mistake each, by the code of the finding, and nets with none."""

from __future__ import annotations

INPUT = """layer { name: "in" type: "Input" top: "data" top: "label"
  input_param { shape { dim: [4, 3, 8, 8] } shape { dim: 4 } } }
"""
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }\n'
FILLER = 'weight_filler { type: "xavier" }'


def layer(name: str, kind: str, bottom: str, rest: str = "", top: str | None = None) -> str:
    bottoms = " ".join(f'bottom: "{one}"' for one in bottom.split())
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} top: "{top or name}" {rest} }}\n'


def conv(name: str, bottom: str, rest: str = FILLER, top: str | None = None) -> str:
    fields = f"convolution_param {{ num_output: 4 kernel_size: 3 pad: 1 {rest} }}"
    return layer(name, "Convolution", bottom, fields, top)


def fc(bottom: str, rest: str = FILLER, name: str = "fc", more: str = "") -> str:
    return layer(name, "InnerProduct", bottom,
                 f"{more} inner_product_param {{ num_output: 5 {rest} }}")


def net(*layers: str, bottom: str) -> str:
    """The layers between an input and a classifier of ``bottom``."""
    return INPUT + "".join(layers) + fc(bottom) + LOSS


def over(kind: str, rest: str = "", name: str = "over") -> str:
    """A layer that works in place on ``conv``."""
    return layer(name, kind, "conv", rest, "conv")


def data(name: str, rest: str) -> str:
    return (f'layer {{ name: "{name}" type: "MemoryData" top: "data" top: "label" {rest} '
            "memory_data_param { batch_size: 4 channels: 3 height: 8 width: 8 } }\n")


CONV, BN, SCALE = conv("conv", "data"), over("BatchNorm", name="bn"), over("Scale", name="scale")
LMDB = """layer { name: "in" type: "Data" top: "data" top: "label"
  transform_param { crop_size: 8 force_color: true MEAN }
  data_param { source: "SOURCE" batch_size: 4 backend: LMDB } }
"""
SOURCE = INPUT.replace('shape { dim: [4, 3, 8, 8] } shape { dim: 4 }', "")

CLEAN = {
    "classifier": net(CONV, over("ReLU"), bottom="conv"),
    "batch norm": net(CONV, BN, SCALE, over("ReLU"), bottom="conv"),
    "both phases": data("train", "include { phase: TRAIN }")
    + data("test", "include { phase: TEST }") + fc("data") + LOSS
    + layer("acc", "Accuracy", "fc label", "include { phase: TEST }"),
    "deployed": INPUT + fc("data", rest="") + layer("prob", "Softmax", "fc"),
    "silenced": net(conv("side", "data"), 'layer { name: "hush" type: "Silence" bottom: "side" }',
                    bottom="data"),
    "no bias filler": net(conv("conv", "data", FILLER + " bias_term: true"), bottom="conv"),
    "frozen weight": net(layer("up", "Deconvolution", "data", "param { lr_mult: 0 } convolution_"
                               "param { num_output: 1 kernel_size: 2 bias_term: false }"),
                         bottom="up"),
    "in place after an in-place reader": net(CONV, over("Sigmoid"), bottom="conv"),
    "names of layers without weights": net(CONV, over("ReLU"), over("Dropout", name="over"),
                                           bottom="conv"),
    "statistics at test time": net(layer("bn", "BatchNorm", "data"), layer("s", "Scale", "bn"),
                                   bottom="s"),
}

OLD = """input: "data" input_dim: [4, 3, 8, 8]
layers { layer { name: "relu" type: "relu" num_output: 4 } bottom: "data" top: "relu" }
"""
# Real Caffe refuses these.
REFUSED = {
    "NB001": net(CONV.replace("num_output", "num_outputs"), bottom="conv"),
    "NB101": net(CONV.replace("Convolution", "Convolutoin"), bottom="data")
    + 'layer { name: "hush" type: "Silence" bottom: "conv" }',
    "NB102": net(conv("conv", "dato"), bottom="data")
    + 'layer { name: "hush" type: "Silence" bottom: "conv" }',
    "NB103": net(CONV, layer("again", "ReLU", "data", top="conv"), bottom="conv"),
    "NB104": net(CONV, layer("add", "Eltwise", "data conv"), bottom="add"),
    "NB105": net(CONV, layer("taker", "ReLU", "conv"), over("ReLU"),
                 layer("sum", "Eltwise", "taker conv"), bottom="sum"),
    "NB106": net(conv("conv", "data").replace('top: "conv"', 'top: "conv" param { name: "w" }'),
                 conv("next", "conv").replace('top: "next"', 'top: "next" param { name: "w" }'),
                 bottom="next"),
    "NB107": net(bottom="data").replace("dim: 4 }", "dim: [4, 2] }"),
    "NB109": net(CONV, over("ReLU", "include { phase: TRAIN } exclude { phase: TEST }"),
                 bottom="conv"),
    "NB113": net(CONV, over("ReLU6"), bottom="conv"),
    "NB114": net(CONV, over("Dropout", "dropout_param { random_seed: 1 }"), bottom="conv"),
    "NB601": data("one", "") + data("two", "include { phase: TRAIN }") + fc("data") + LOSS,
}
# Real Caffe loads these, and they are wrong all the same.
LOADED = {
    "NB003": OLD,
    "NB108": net(CONV, layer("conv", "ReLU", "conv", top="relu"), bottom="relu"),
    "NB110": net(CONV, bottom="data"),
    "NB201": net(CONV, over("BNLL"), bottom="conv"),
    "NB202": net(CONV, layer("s", "Sigmoid", "conv"), layer("drop", "Dropout", "s", top="s"),
                 bottom="s"),
    "NB203": net(CONV, over("Pooling", "pooling_param { kernel_size: 3 stride: 1 pad: 1 }"),
                 bottom="conv"),
    "NB301": net(CONV, BN, bottom="conv"),
    "NB302": net(CONV, over("BatchNorm", "batch_norm_param { use_global_stats: true }"), SCALE,
                 bottom="conv"),
    "NB303": INPUT + layer("bn", "BatchNorm", "data", "batch_norm_param { use_global_stats: false "
                           "}") + layer("scale", "Scale", "bn") + fc("scale"),
    "NB304": net(layer("bn", "BatchNorm", "data"), layer("s", "Scale", "bn"), bottom="s")
    .replace("[4, 3, 8, 8]", "[1, 3, 1, 1]").replace("dim: 4", "dim: 1"),
    "NB401": net(conv("conv", "data", ""), bottom="conv"),
    "NB402": net(conv("conv", "data", "weight_filler { value: 0.1 }"), bottom="conv"),
    "NB403": net(CONV, over("Scale", "scale_param { bias_filler { value: 0 } }"), bottom="conv"),
    "NB404": net(conv("conv", "data", FILLER + " bias_term: false bias_filler { }"), bottom="conv"),
    "NB602": data("train", "include { phase: TRAIN }") + fc("data") + LOSS
    + layer("acc", "Accuracy", "fc label", "include { phase: TEST }"),
}
# What depends on files that are not here, and what Caffe reads beyond the end of.
FILES = {
    "NB002": 'input: "data" input_dim: 1\n' + layer("relu", "ReLU", "data"),
    "NB111": SOURCE + layer("eye", "AbsVal", "data") + layer("ell", "AbsVal", "label"),
    "NB112": net(CONV.replace("kernel_size: 3", "kernel_size: 30"), over("ReLU"), bottom="conv"),
    "NB501": LMDB.replace("SOURCE", "nowhere").replace("MEAN", "") + fc("data") + LOSS,
    "NB502": data("in", 'transform_param { mean_file: "nowhere" }') + fc("data") + LOSS,
}
NAMED = 'net: "net.prototxt"'
SOLVER = NAMED + """
base_lr: 0.1
lr_policy: "step" gamma: 0.5 stepsize: 10
test_iter: 3
test_interval: 10
max_iter: 20
snapshot_prefix: "snap"
"""
SOLVERS = {
    "NB701": SOLVER.replace("net:", "test_net:"),
    "NB702": SOLVER.replace("net.prototxt", "nowhere.prototxt"),
    "NB703": SOLVER + 'test_net: "net.prototxt" test_net: "net.prototxt"',
    "NB704": SOLVER.replace("test_interval: 10\n", ""),
    "NB705": SOLVER.replace("test_iter: 3\n", ""),
    "NB706": SOLVER.replace("gamma: 0.5", ""),
    "NB707": SOLVER.replace('"snap"', '"nowhere/snap"'),
    "NB708": SOLVER.replace("base_lr: 0.1\n", ""),
    "NB709": SOLVER + 'weights: "nowhere.caffemodel"',
    "NB710": SOLVER.replace(NAMED, f"net_param {{ {OLD.splitlines()[0]} }}"),
    "NB711": SOLVER.replace(NAMED, f"net_param {{ {INPUT} {fc('data')} }}"),
}
# Findings that cannot stand alone.
COMPANIONS = {"NB104": {"NB112"}, "NB101": {"NB112"}, "NB102": {"NB112"}, "NB112": {"NB104"},
              "NB111": {"NB112"}}
