"""Sound files of every kind and age, which fuzzing changes, and the words it puts in."""

from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

NET = '''
name: "now" state { level: 1 stage: "a" }
layer { name: "i" type: "Input" top: "d" input_param { shape { dim: [1, 3, 8, 8] } } }
layer { name: "c" type: "Convolution" bottom: "d" top: "c" param { name: "w" lr_mult: 1 }
        convolution_param { num_output: 4 kernel_size: 3 pad: 1 weight_filler { type: "msra" } } }
layer { name: "b" type: "BatchNorm" bottom: "c" top: "c" param { lr_mult: 0 } }
layer { name: "s" type: "Scale" bottom: "c" top: "c" scale_param { bias_term: true } }
layer { name: "p" type: "Pooling" bottom: "c" top: "p" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "f" type: "InnerProduct" bottom: "p" top: "f" include { phase: TEST stage: "a" }
        inner_product_param { num_output: 10 } blobs { data: [1, 2] shape { dim: [1, 2] } } }
layer { name: "l" type: "DummyData" top: "l" dummy_data_param { shape { dim: 1 } } }
layer { name: "z" type: "SoftmaxWithLoss" bottom: "p" bottom: "l" loss_weight: 1 }
'''
V1 = '''
name: "V1" input: "d" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8 force_backward: true
layers { name: "c" type: CONVOLUTION bottom: "d" top: "c" blobs_lr: 1 blobs_lr: 2
         weight_decay: 1 weight_decay: 0 param: "w" param: "b" blob_share_mode: STRICT
         convolution_param { num_output: 4 kernel_size: 3 group: 1 } }
layers { name: "x" type: DATA top: "x" top: "y" data_param { source: "x" batch_size: 2
         scale: 0.5 mean_file: "m" crop_size: 8 mirror: true } include { phase: TRAIN } }
layers { name: "r" type: RELU bottom: "c" top: "c" }
layers { name: "z" type: SOFTMAX bottom: "c" top: "z" }
'''
V0 = '''
name: "V0" input: "d" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "d" top: "p" }
layers { layer { name: "c" type: "conv" num_output: 4 kernelsize: 3 stride: 1 group: 1
         weight_filler { type: "xavier" } biasterm: true blobs_lr: 1 weight_decay: 1 }
         bottom: "p" top: "c" }
layers { layer { name: "m" type: "pool" pool: MAX kernelsize: 2 stride: 2 } bottom: "c" top: "m" }
layers { layer { name: "n" type: "lrn" local_size: 5 alpha: 1 beta: 0.75 } bottom: "m" top: "n" }
layers { layer { name: "q" type: "concat" concat_dim: 1 } bottom: "n" bottom: "n" top: "q" }
layers { layer { name: "x" type: "data" source: "x" batchsize: 2 meanfile: "m" cropsize: 8
         scale: 1 mirror: true rand_skip: 1 } top: "x" top: "y" }
'''
SOLVER = '''
net: "net.prototxt" test_iter: 10 test_interval: 100 base_lr: 0.1 momentum: 0.9
lr_policy: "multistep" gamma: 0.1 stepvalue: [10, 20] max_iter: 100 snapshot: 10
snapshot_prefix: "x" solver_mode: GPU type: "SGD" iter_size: 2 weight_decay: 1e-4
net_param { layer { name: "i" type: "Input" top: "d" input_param { shape { dim: 1 } } } }
train_state { stage: "a" } test_state { level: 1 }
'''
OLD_SOLVER = '''
train_net: "a" test_net: "b" test_iter: 1 test_interval: 1 base_lr: 1 lr_policy: "step" gamma: 0.1
stepsize: 10 max_iter: 10 solver_type: ADAM delta: 1e-8
'''


def _binary(text: str) -> bytes:
    return parse(text, caffe_pb2.NetParameter()).SerializeToString()


SEEDS = {"net": NET.encode(), "V1": V1.encode(), "V0": V0.encode(), "binary": _binary(NET),
         "binary V1": _binary(V1), "binary V0": _binary(V0), "solver": SOLVER.encode(),
         "old solver": OLD_SOLVER.encode()}
TOKENS = [word.encode("latin-1") for word in (
    "{", "}", "<", ">", "[", "]", ":", ",", ";", '"', "'", "#", "\0", "\xff", "\xff\xfe", "-", "\\",
    "\n", "0x", "1e9", "nan", "-inf", "4294967295", "-2147483648", "9223372036854775807", "1e400",
    " layer { ", " layers { ", " layers { layer { ", "bottom: ", 'bottom: "c" ', 'top: "c" ',
    'type: "', 'type: "Python" ', " include { phase: ", "TEST", "name: ", 'name: "w" ', "dim: 0 ",
    "input: ", 'input: "d" ', "input_dim: ", "input_shape { ", "group: 0 ", "axis: -9 ", "\xa2\x06",
    "\x12\x00", "\x80\x80\x80\x80\x10", 'net: "/dev/zero" ', 'source: "/dev/zero" ', 'net: "" ')]
