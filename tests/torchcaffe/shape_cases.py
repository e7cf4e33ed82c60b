"""Seeded random layers that move values, pick some of them, or bring several into one."""

from __future__ import annotations

from random import Random

import numpy as np
from layer_cases import Arrays, Draw, field, image, layer, normal, size, some, ties


def concat(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 1, 4) for _ in range(random.randint(1, 4))]
    axis = random.randrange(len(shape))
    arrays = {}
    for number in range(random.randint(1, 4)):
        shape[axis] = size(random, 1, 4)
        arrays[f"x{number}"] = normal(random, *shape)
    along = random.choice((axis, axis - len(shape)))
    return layer("Concat", arrays, f"concat_param {{ axis: {along} }}")


def slices(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 4, 8) for _ in range(random.randint(1, 4))]
    axis, tops = random.randrange(len(shape)), random.randint(1, 3)
    points = sorted(random.sample(range(1, shape[axis]), tops - 1))
    given = field("slice_point", points) if shape[axis] % tops or random.random() < 0.5 else ""
    return layer("Slice", {"x": normal(random, *shape)},
                 f"slice_param {{ axis: {axis} {given} }}", tops)


def flatten(random: Random) -> tuple[Arrays, str]:
    axes = random.randint(2, 5)
    first = random.randrange(axes)
    last = random.randrange(first, axes)
    return layer("Flatten", {"x": normal(random, *(size(random, 1, 4) for _ in range(axes)))},
                 f"flatten_param {{ axis: {first} end_axis: {last - axes} }}")


def reshape(random: Random) -> tuple[Arrays, str]:
    dims, axis = random.choice((([0, -1], 0), ([0, 0, 12], 0), ([-1, 3], 1), ([4, 2, 3], 1),
                                ([2, 6], 1), ([12, -1], 0)))
    shape = " ".join(f"dim: {dim}" for dim in dims)
    return layer("Reshape", {"x": normal(random, 2, 4, 3, 2)[..., : random.choice((1, 2))]},
                 f"reshape_param {{ axis: {axis} shape {{ {shape} }} }}")


def crop(random: Random) -> tuple[Arrays, str]:
    small = [size(random, 1, 4) for _ in range(random.randint(1, 4))]
    axis = random.randrange(len(small))
    offset = [size(random, 0, 3) for _ in small[axis:]]
    one = random.choice(("", f"offset: {offset[0]}"))
    given = one if random.random() < 0.4 else field("offset", offset)
    large = [have + size(random, 3, 4) for have in small]
    outer = [size(random, 1, 3) for _ in small[:axis]]  # which need not agree
    named = random.choice((axis, axis - len(small)))
    return layer("Crop", {"x": normal(random, *outer, *large[axis:]), "y": normal(random, *small)},
                 f"crop_param {{ axis: {named} {given} }}")


def tile(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 1, 4) for _ in range(random.randint(1, 4))]
    axis = random.randrange(-len(shape), len(shape))
    return layer("Tile", {"x": normal(random, *shape)},
                 f"tile_param {{ axis: {axis} tiles: {size(random, 1, 4)} }}")


def reduction(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 1, 4) for _ in range(random.randint(1, 4))]
    fields = some(random, coeff=random.choice((-0.5, 2)),
                  axis=random.randrange(-len(shape), len(shape)))
    operation = random.choice(("SUM", "MEAN", "ASUM", "SUMSQ"))
    return layer("Reduction", {"x": ties(random, *shape)},
                 f"reduction_param {{ operation: {operation} {fields} }}")


def arg_max(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 1, 5) for _ in range(random.randint(1, 4))]
    axis = random.choice((None, None, *range(-len(shape), len(shape))))
    choices = int(np.prod(shape[1:])) if axis is None else shape[axis]
    fields = some(random, out_max_val=True) + (f" axis: {axis}" if axis is not None else "")
    return layer("ArgMax", {"x": ties(random, *shape)},
                 f"argmax_param {{ top_k: {random.randint(1, choices)} {fields} }}")


def embed(random: Random) -> tuple[Arrays, str]:
    rows, shape = size(random), [size(random, 1, 4) for _ in range(random.randint(1, 3))]
    drawn = np.random.default_rng(random.getrandbits(32))
    index = drawn.integers(0, rows, shape).astype(np.float32) + random.choice((0, 0, 0.5))
    return layer("Embed", {"index": index}, f"embed_param {{ num_output: {size(random)} "
                 f"input_dim: {rows} {some(random, bias_term=False)} }}")


def batch_reindex(random: Random) -> tuple[Arrays, str]:
    shape = [size(random, 1, 5) for _ in range(random.randint(1, 4))]
    drawn = np.random.default_rng(random.getrandbits(32))
    index = drawn.integers(0, shape[0], size(random)).astype(np.float32)
    return layer("BatchReindex", {"x": normal(random, *shape), "index": index})


def filters(random: Random) -> tuple[Arrays, str]:
    number, tops = size(random, 1, 6), random.randint(1, 3)
    arrays = {f"x{n}": normal(random, number, *(size(random, 1, 4) for _ in range(
        random.randint(0, 3)))) for n in range(tops)}
    chosen = ties(random, number, *random.choice(((), (1,), (1, 1, 1))))
    chosen[0] = random.choice((0.5, -1, 1)) if not chosen.any() else chosen[0]
    return layer("Filter", {**arrays, "chosen": chosen}, tops=tops)


def mvn(random: Random) -> tuple[Arrays, str]:
    # Two values come to -1 and 1, whatever they are: their gradient is nothing but rounding.
    shape = [random.choice((1, 3, 4, 5)) for _ in range(random.randint(1, 4))]
    fields = some(random, across_channels=True, normalize_variance=False,
                  eps=random.choice((1e-3, 0.5)))
    return layer("MVN", {"x": normal(random, *shape) * 3 + 1}, f"mvn_param {{ {fields} }}")


def im2col(random: Random) -> tuple[Arrays, str]:
    axes = random.choice((1, 2, 2, 2, 3))
    shape = [size(random, 1, 3) for _ in range(random.choice((1, 2, 2, 3)))]
    each = {name: [random.choice(values) for _ in range(random.choice((1, axes)))]
            for name, values in (("kernel_size", (1, 2, 3)), ("stride", (1, 2, 3)),
                                 ("pad", (0, 1, 2)), ("dilation", (0, 1, 1, 2)))}
    fields = " ".join(field(name, value) for name, value in each.items())
    axis = random.choice((len(shape) - 1, -1 - axes))
    fields += " " + some(random, force_nd_im2col=True)
    shape += [size(random, 1, 7) for _ in range(axes)]
    return layer("Im2col", {"x": normal(random, *shape)},
                 f"convolution_param {{ axis: {axis} {fields} }}")


def pyramid(random: Random) -> tuple[Arrays, str]:
    return layer("SPP", {"x": ties(random, *image(random, high=17))},
                 f"spp_param {{ pool: {random.choice(('MAX', 'AVE'))} "
                 f"pyramid_height: {random.randint(1, 4)} }}")


SHAPE_DRAWS: dict[str, tuple[int, Draw]] = {
    "ArgMax": (20, arg_max),
    "BatchReindex": (10, batch_reindex),
    "Concat": (8, concat),
    "Crop": (16, crop),
    "Embed": (10, embed),
    "Filter": (16, filters),
    "Flatten": (5, flatten),
    "Im2col": (24, im2col),
    "MVN": (16, mvn),
    "Reduction": (16, reduction),
    "Reshape": (8, reshape),
    "SPP": (16, pyramid),
    "Slice": (8, slices),
    "Tile": (8, tile),
}
