"""The nets and solvers of the scripts in pycaffe_behaviours.py, and how scripts begin."""

from __future__ import annotations

FILES = {
    "net.prototxt": """
name: "net" force_backward: true
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 4 dim: 2 } shape { dim: 4 }
    data_filler { type: "constant" value: 0.5 } data_filler { type: "constant" value: 1 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "constant" value: 0.25 }
    bias_filler { type: "constant" value: -1 } } }
layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" relu_param { negative_slope: 0.5 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss"
  loss_weight: 2 }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
""",
    "deploy.prototxt": """
name: "deploy" force_backward: true
layer { name: "in" type: "Input" top: "a" top: "b"
  input_param { shape { dim: 3 dim: 2 } shape { dim: 3 dim: 2 } } }
layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum" }
layer { name: "ip" type: "InnerProduct" bottom: "sum" top: "ip"
  inner_product_param { num_output: 2 weight_filler { type: "constant" value: 0.5 } } }
layer { name: "twice" type: "Power" bottom: "sum" top: "twice" power_param { scale: 2 } }
""",
    "old.prototxt": """
name: "old" input: "data" input_dim: 2 input_dim: 1 input_dim: 3 input_dim: 3
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 2 kernel_size: 2 weight_filler { type: "constant" value: 1 } } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { kernel_size: 2 stride: 2 } }
""",
    "memory.prototxt": """
layer { name: "data" type: "MemoryData" top: "data" top: "label"
  memory_data_param { batch_size: 2 channels: 1 height: 2 width: 2 } }
layer { name: "flat" type: "Flatten" bottom: "data" top: "flat" }
layer { name: "silence" type: "Silence" bottom: "label" }
""",
    "phases.prototxt": """
layer { name: "data" type: "DummyData" top: "data" dummy_data_param { shape { dim: 1 dim: 4 } } }
layer { name: "train" type: "Power" bottom: "data" top: "train" include { phase: TRAIN } }
layer { name: "test" type: "Power" bottom: "data" top: "test" include { phase: TEST } }
layer { name: "level" type: "Power" bottom: "data" top: "level" include { min_level: 2 } }
layer { name: "A" type: "Power" bottom: "data" top: "A" include { stage: "A" } }
layer { name: "notB" type: "Power" bottom: "data" top: "notB" exclude { stage: "B" } }
""",
    "solver.prototxt": """
net: "net.prototxt" base_lr: 0.1 lr_policy: "step" gamma: 0.5 stepsize: 2 momentum: 0.9
max_iter: 5 snapshot_prefix: "shot" display: 0 test_iter: 2 test_interval: 100
snapshot_after_train: false
""",
}

NET = "n = caffe.Net('net.prototxt', caffe.TRAIN)\n"
DEPLOY = "n = caffe.Net('deploy.prototxt', caffe.TEST)\n"
OLD = "n = caffe.Net('old.prototxt', caffe.TEST)\n"
MEMORY = "n = caffe.Net('memory.prototxt', caffe.TRAIN)\n"
PHASES = "r = list(caffe.Net('phases.prototxt', "
SOLVER = "s = caffe.SGDSolver('solver.prototxt')\n"
AB = "a, b = np.arange(6, dtype=np.float32).reshape(3, 2), np.ones((3, 2), np.float32)\n"
MANY = "a, b = np.arange(14.).reshape(7, 2), np.ones((7, 2))\n"
