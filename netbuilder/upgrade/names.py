"""Tables: the type names and fields of V0 and V1 files, and what they are called today."""

from __future__ import annotations

V0_TYPES = {
    "accuracy": "Accuracy",
    "bnll": "BNLL",
    "concat": "Concat",
    "conv": "Convolution",
    "data": "Data",
    "dropout": "Dropout",
    "euclidean_loss": "EuclideanLoss",
    "flatten": "Flatten",
    "hdf5_data": "HDF5Data",
    "hdf5_output": "HDF5Output",
    "im2col": "Im2col",
    "images": "ImageData",
    "infogain_loss": "InfogainLoss",
    "innerproduct": "InnerProduct",
    "lrn": "LRN",
    "multinomial_logistic_loss": "MultinomialLogisticLoss",
    "pool": "Pooling",
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "softmax": "Softmax",
    "softmax_loss": "SoftmaxWithLoss",
    "split": "Split",
    "tanh": "TanH",
    "window_data": "WindowData",
}

_LEARNED = {"conv": "convolution_param", "innerproduct": "inner_product_param"}
_WINDOWS = {"conv": "convolution_param", "pool": "pooling_param"}
_LRN = {"lrn": "lrn_param"}
_IMAGES = {"images": "image_data_param"}
_REGIONS = {"window_data": "window_data_param"}
_BATCHES = {"data": "data_param", "hdf5_data": "hdf5_data_param", **_IMAGES, **_REGIONS}

# V0 field -> (today's name, {V0 type that has it: the message it is in today}).
V0_FIELDS: dict[str, tuple[str, dict[str, str]]] = {
    "num_output": ("num_output", _LEARNED),
    "biasterm": ("bias_term", _LEARNED),
    "weight_filler": ("weight_filler", _LEARNED),
    "bias_filler": ("bias_filler", _LEARNED),
    "pad": ("pad", _WINDOWS),
    "kernelsize": ("kernel_size", _WINDOWS),
    "group": ("group", {"conv": "convolution_param"}),
    "stride": ("stride", _WINDOWS),
    "pool": ("pool", {"pool": "pooling_param"}),
    "dropout_ratio": ("dropout_ratio", {"dropout": "dropout_param"}),
    "local_size": ("local_size", _LRN),
    "alpha": ("alpha", _LRN),
    "beta": ("beta", _LRN),
    "k": ("k", _LRN),
    "source": ("source", {**_BATCHES, "infogain_loss": "infogain_loss_param"}),
    "batchsize": ("batch_size", _BATCHES),
    "rand_skip": ("rand_skip", {"data": "data_param", **_IMAGES}),
    "shuffle_images": ("shuffle", _IMAGES),
    "new_height": ("new_height", _IMAGES),
    "new_width": ("new_width", _IMAGES),
    "concat_dim": ("concat_dim", {"concat": "concat_param"}),
    "det_fg_threshold": ("fg_threshold", _REGIONS),
    "det_bg_threshold": ("bg_threshold", _REGIONS),
    "det_fg_fraction": ("fg_fraction", _REGIONS),
    "det_context_pad": ("context_pad", _REGIONS),
    "det_crop_mode": ("crop_mode", _REGIONS),
}

# Those that every V0 type may have, with their names in transform_param.
V0_TRANSFORM = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size",
                "mirror": "mirror"}

# What UpgradeV0Net takes over beside the layers; the rest of a V0 net is lost.
V0_NET_FIELDS = ("name", "input", "input_dim", "force_backward")

V1_TYPES = {
    "NONE": "",
    "ABSVAL": "AbsVal",
    "ACCURACY": "Accuracy",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "CONCAT": "Concat",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DECONVOLUTION": "Deconvolution",
    "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "ELTWISE": "Eltwise",
    "EXP": "Exp",
    "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN",
    "POOLING": "Pooling",
    "POWER": "Power",
    "RELU": "ReLU",
    "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split",
    "SLICE": "Slice",
    "TANH": "TanH",
    "WINDOW_DATA": "WindowData",
    "THRESHOLD": "Threshold",
    "CROP": "Crop",  # this and those below: forks of that time
    "UNPOOLING": "Unpooling",
    "IMAGE_SEG_DATA": "ImageSegData",
    "BN": "BN",
}

# V1 types whose own fields scale, mean_file, crop_size and mirror moved into transform_param.
V1_DATA = {"Data": "data_param", "ImageData": "image_data_param",
           "WindowData": "window_data_param"}
TRANSFORM = ("scale", "mean_file", "crop_size", "mirror")

# solver_type -> type.
SOLVER_TYPES = {
    "SGD": "SGD",
    "NESTEROV": "Nesterov",
    "ADAGRAD": "AdaGrad",
    "RMSPROP": "RMSProp",
    "ADADELTA": "AdaDelta",
    "ADAM": "Adam",
    "SAG": "SAG",
}
