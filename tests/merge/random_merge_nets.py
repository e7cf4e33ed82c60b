"""Random nets of convolutions, batch norms and what may stand between them."""

from __future__ import annotations

from random import Random

from merge_nets import bias, both, conv, dropout, inner, layer, norm, parsed, relu, scale, source

from netbuilder.errors import NetbuilderError
from netbuilder.graph import resolve
from netbuilder.proto import caffe_pb2

Ends = list[str]  # blobs that may be read


def _window(random: Random, name: str, bottom: str, type_: str) -> str:
    fields = (f"num_output: {random.choice((2, 4, 8))} group: {random.choice((1, 1, 2))} "
              f"kernel_size: {random.choice((1, 1, 2, 3))} stride: {random.choice((1, 1, 2))} "
              f"pad: {random.choice((0, 0, 1))} dilation: {random.choice((1, 1, 2))} "
              f"bias_term: {random.choice(('true', 'false'))}")
    return conv(name, bottom, fields, type_=type_)


def _in_place_or_not(random: Random, name: str, bottom: str) -> str:
    return random.choice((bottom, name))


ROWS = {
    "conv": lambda random, name, x: _window(random, name, x, "Convolution"),
    "deconv": lambda random, name, x: _window(random, name, x, "Deconvolution"),
    "norm": lambda random, name, x: norm(name, x, _in_place_or_not(random, name, x)),
    "both": lambda random, name, x: both(name, x, _in_place_or_not(random, name, x)),
    "scale": lambda random, name, x: scale(name, x, _in_place_or_not(random, name, x),
                                           random.choice(("", "bias_term: true"))),
    "bias": lambda random, name, x: bias(name, x),
    "relu": lambda random, name, x: relu(name, x, _in_place_or_not(random, name, x)),
    "dropout": lambda random, name, x: dropout(name, x, _in_place_or_not(random, name, x)),
    "pool": lambda random, name, x: layer(name, "Pooling", x, name, "pooling_param { "
                                          "kernel_size: 2 pool: AVE }"),
    "concat": lambda random, name, x: layer(name, "Concat", f"{x} {x}"),
    "inner": lambda random, name, x: inner(name, x, f"axis: {random.choice((1, 1, 2))} "
                                           f"transpose: {random.choice(('true', 'false'))}"),
}
OFTEN = ("conv", "norm", "both")  # this is about them


def random_net(seed: int) -> str:
    """A net of up to twelve layers, of which a third may read any blob above."""
    random = Random(seed)
    net, blobs = source(2, 4, 9, 8), ["data"]
    for number in range(random.randint(3, 12)):
        kind = random.choice((*ROWS, *OFTEN, *OFTEN))
        bottom = blobs[-1] if random.random() < 0.7 else random.choice(blobs)
        longer = net + ROWS[kind](random, f"{kind}{number}", bottom)
        message = parsed(longer)
        try:
            shapes = resolve(message, caffe_pb2.TEST).blobs.values()
        except NetbuilderError:  # too small by now, or no place for a layer in place
            continue
        if any(0 in shape for shape in shapes):
            continue
        net, top = longer, message.layer[-1].top[0]
        blobs = [*(blob for blob in blobs if blob != top), top]
    return net
