"""The fields and enum values of real Caffe 1.0; what else the schema has is a fork's.

A table of names, by message or enum, as caffe.proto has them. Real Caffe's own descriptors are
the judge (tests/analysis/test_lint_forks.py).
"""

from __future__ import annotations

_NAMES = {
    "AccuracyParameter": "axis ignore_label top_k",
    "ArgMaxParameter": "axis out_max_val top_k",
    "BatchNormParameter": "eps moving_average_fraction use_global_stats",
    "BiasParameter": "axis filler num_axes",
    "BlobProto": "channels data diff double_data double_diff height num shape width",
    "BlobShape": "dim",
    "ClipParameter": "max min",
    "ConcatParameter": "axis concat_dim",
    "ContrastiveLossParameter": "legacy_version margin",
    "ConvolutionParameter": """
        axis bias_filler bias_term dilation engine force_nd_im2col group kernel_h kernel_size
        kernel_w num_output pad pad_h pad_w stride stride_h stride_w weight_filler""",
    "ConvolutionParameter.Engine": "CAFFE CUDNN DEFAULT",
    "CropParameter": "axis offset",
    "DataParameter": """
        backend batch_size crop_size force_encoded_color mean_file mirror prefetch rand_skip
        scale source""",
    "DataParameter.DB": "LEVELDB LMDB",
    "DropoutParameter": "dropout_ratio",
    "DummyDataParameter": "channels data_filler height num shape width",
    "ELUParameter": "alpha",
    "EltwiseParameter": "coeff operation stable_prod_grad",
    "EltwiseParameter.EltwiseOp": "MAX PROD SUM",
    "EmbedParameter": "bias_filler bias_term input_dim num_output weight_filler",
    "ExpParameter": "base scale shift",
    "FillerParameter": "max mean min sparse std type value variance_norm",
    "FillerParameter.VarianceNorm": "AVERAGE FAN_IN FAN_OUT",
    "FlattenParameter": "axis end_axis",
    "HDF5DataParameter": "batch_size shuffle source",
    "HDF5OutputParameter": "file_name",
    "HingeLossParameter": "norm",
    "HingeLossParameter.Norm": "L1 L2",
    "ImageDataParameter": """
        batch_size crop_size is_color mean_file mirror new_height new_width rand_skip
        root_folder scale shuffle source""",
    "InfogainLossParameter": "axis source",
    "InnerProductParameter": "axis bias_filler bias_term num_output transpose weight_filler",
    "InputParameter": "shape",
    "LRNParameter": "alpha beta engine k local_size norm_region",
    "LRNParameter.Engine": "CAFFE CUDNN DEFAULT",
    "LRNParameter.NormRegion": "ACROSS_CHANNELS WITHIN_CHANNEL",
    "LayerParameter": """
        accuracy_param argmax_param batch_norm_param bias_param blobs bottom clip_param
        concat_param contrastive_loss_param convolution_param crop_param data_param
        dropout_param dummy_data_param eltwise_param elu_param embed_param exclude exp_param
        flatten_param hdf5_data_param hdf5_output_param hinge_loss_param image_data_param
        include infogain_loss_param inner_product_param input_param log_param loss_param
        loss_weight lrn_param memory_data_param mvn_param name param parameter_param phase
        pooling_param power_param prelu_param propagate_down python_param recurrent_param
        reduction_param relu_param reshape_param scale_param sigmoid_param slice_param
        softmax_param spp_param swish_param tanh_param threshold_param tile_param top
        transform_param type window_data_param""",
    "LogParameter": "base scale shift",
    "LossParameter": "ignore_label normalization normalize",
    "LossParameter.NormalizationMode": "BATCH_SIZE FULL NONE VALID",
    "MVNParameter": "across_channels eps normalize_variance",
    "MemoryDataParameter": "batch_size channels height width",
    "NetParameter": """
        debug_info force_backward input input_dim input_shape layer layers name state""",
    "NetState": "level phase stage",
    "NetStateRule": "max_level min_level not_stage phase stage",
    "PReLUParameter": "channel_shared filler",
    "ParamSpec": "decay_mult lr_mult name share_mode",
    "ParamSpec.DimCheckMode": "PERMISSIVE STRICT",
    "ParameterParameter": "shape",
    "Phase": "TEST TRAIN",
    "PoolingParameter": """
        engine global_pooling kernel_h kernel_size kernel_w pad pad_h pad_w pool round_mode
        stride stride_h stride_w""",
    "PoolingParameter.Engine": "CAFFE CUDNN DEFAULT",
    "PoolingParameter.PoolMethod": "AVE MAX STOCHASTIC",
    "PoolingParameter.RoundMode": "CEIL FLOOR",
    "PowerParameter": "power scale shift",
    "PythonParameter": "layer module param_str share_in_parallel",
    "ReLUParameter": "engine negative_slope",
    "ReLUParameter.Engine": "CAFFE CUDNN DEFAULT",
    "RecurrentParameter": "bias_filler debug_info expose_hidden num_output weight_filler",
    "ReductionParameter": "axis coeff operation",
    "ReductionParameter.ReductionOp": "ASUM MEAN SUM SUMSQ",
    "ReshapeParameter": "axis num_axes shape",
    "SPPParameter": "engine pool pyramid_height",
    "SPPParameter.Engine": "CAFFE CUDNN DEFAULT",
    "SPPParameter.PoolMethod": "AVE MAX STOCHASTIC",
    "ScaleParameter": "axis bias_filler bias_term filler num_axes",
    "SigmoidParameter": "engine",
    "SigmoidParameter.Engine": "CAFFE CUDNN DEFAULT",
    "SliceParameter": "axis slice_dim slice_point",
    "SoftmaxParameter": "axis engine",
    "SoftmaxParameter.Engine": "CAFFE CUDNN DEFAULT",
    "SolverParameter": """
        average_loss base_lr clip_gradients debug_info delta device_id display gamma iter_size
        layer_wise_reduce lr_policy max_iter momentum momentum2 net net_param power random_seed
        regularization_type rms_decay snapshot snapshot_after_train snapshot_diff
        snapshot_format snapshot_prefix solver_mode solver_type stepsize stepvalue
        test_compute_loss test_initialization test_interval test_iter test_net test_net_param
        test_state train_net train_net_param train_state type weight_decay weights""",
    "SolverParameter.SnapshotFormat": "BINARYPROTO HDF5",
    "SolverParameter.SolverMode": "CPU GPU",
    "SolverParameter.SolverType": "ADADELTA ADAGRAD ADAM NESTEROV RMSPROP SGD",
    "SwishParameter": "beta",
    "TanHParameter": "engine",
    "TanHParameter.Engine": "CAFFE CUDNN DEFAULT",
    "ThresholdParameter": "threshold",
    "TileParameter": "axis tiles",
    "TransformationParameter": """
        crop_size force_color force_gray mean_file mean_value mirror scale""",
    "V0LayerParameter": """
        alpha batchsize beta bias_filler biasterm blobs blobs_lr concat_dim cropsize
        det_bg_threshold det_context_pad det_crop_mode det_fg_fraction det_fg_threshold
        dropout_ratio group hdf5_output_param k kernelsize local_size meanfile mirror name
        new_channels new_height new_num new_width num_output pad pool rand_skip scale
        shuffle_images source stride type weight_decay weight_filler""",
    "V0LayerParameter.PoolMethod": "AVE MAX STOCHASTIC",
    "V1LayerParameter": """
        accuracy_param argmax_param blob_share_mode blobs blobs_lr bottom concat_param
        contrastive_loss_param convolution_param data_param dropout_param dummy_data_param
        eltwise_param exclude exp_param hdf5_data_param hdf5_output_param hinge_loss_param
        image_data_param include infogain_loss_param inner_product_param layer loss_param
        loss_weight lrn_param memory_data_param mvn_param name param pooling_param power_param
        relu_param sigmoid_param slice_param softmax_param tanh_param threshold_param top
        transform_param type weight_decay window_data_param""",
    "V1LayerParameter.DimCheckMode": "PERMISSIVE STRICT",
    "V1LayerParameter.LayerType": """
        ABSVAL ACCURACY ARGMAX BNLL CONCAT CONTRASTIVE_LOSS CONVOLUTION DATA DECONVOLUTION
        DROPOUT DUMMY_DATA ELTWISE EUCLIDEAN_LOSS EXP FLATTEN HDF5_DATA HDF5_OUTPUT HINGE_LOSS
        IM2COL IMAGE_DATA INFOGAIN_LOSS INNER_PRODUCT LRN MEMORY_DATA MULTINOMIAL_LOGISTIC_LOSS
        MVN NONE POOLING POWER RELU SIGMOID SIGMOID_CROSS_ENTROPY_LOSS SILENCE SLICE SOFTMAX
        SOFTMAX_LOSS SPLIT TANH THRESHOLD WINDOW_DATA""",
    "WindowDataParameter": """
        batch_size bg_threshold cache_images context_pad crop_mode crop_size fg_fraction
        fg_threshold mean_file mirror root_folder scale source""",
}
STOCK = {name: frozenset(fields.split()) for name, fields in _NAMES.items()}
