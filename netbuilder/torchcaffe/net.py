"""Net: pycaffe's Net on PyTorch (net.cpp, _caffe.cpp, pycaffe.py).

For pycaffe's users
    blobs, params, layers, layer_dict, inputs, outputs, top_names, bottom_names, forward, backward,
    reshape, copy_from, save, share_with, clear_param_diffs, set_input_arrays.

For the solver
    net.learnable        list[Param]: every parameter blob once (a shared one at its owner), in
                         Caffe's order: .blob (Blob), .lr_mult, .decay_mult, .layer, .index
    net.train_pass(gait) one pass: next batch, forward, backward. Gradients are *added* to the diffs
                         of net.learnable; call net.clear_param_diffs() first. Returns the loss, a
                         0-dim tensor on the net's device (sum of loss_weight * top).
    net.test_pass(gait)  the same without backward.
    net.outputs          names of the blobs that no layer takes, sorted; after either pass their
                         values are in net.blobs[name].data in both gaits
    net.output_loss_weight(name)   for "(* 1 = 0.3 loss)" in Caffe's log
    net.sources          dict layer name -> Source, of the data layers
    net.rng              the Rng that fillers, dropout and sources draw from
    net.to_message()     NetParameter with all layers and their blobs (for .caffemodel)

Gaits: INSPECTABLE leaves every blob and diff as real Caffe does. FAST computes the same numbers as
one differentiable program and leaves only outputs, parameters and parameter diffs; reading another
blob's data or diff after it raises EngineError. A solver that steps n iterations runs the last one
INSPECTABLE, and all if somebody may look in between (callbacks, debug_info); an engine user that
only wants speed asks for FAST.
"""
