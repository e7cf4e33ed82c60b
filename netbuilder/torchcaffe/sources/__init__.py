"""The data side of data layers: where batches come from.

``make_source(layer, rng)`` gives the Source of a resolved data layer (Data, MemoryData,
DummyData ...). A Source has

    next_batch() -> tuple of float32 CPU tensors, one per top, shaped as they come
        (a tensor's shape becomes the blob's); None for a top that is not refilled
    close()      -> None, ends threads and closes files

It opens its files when it is made, so that a missing one is an error when the net is made.
``rng`` is the Rng of the net (netbuilder/torchcaffe/rng.py); ``rng.cpu`` is a torch.Generator and
``rng.integer()`` a seed for another generator. ``layer`` is a netbuilder.layer.Layer: ``.fields``,
``.message`` (with transform_param), ``.phase``, ``.top_shapes``.
"""
