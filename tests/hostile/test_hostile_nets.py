"""Nets with absurd numbers, names and connections end in a sentence, whatever they hold."""

import pytest
from attack import INPUT, outcome, process

from netbuilder.errors import NetbuilderError, ShapeError
from netbuilder.graph import resolve
from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

UINT, INT, LONG = 2**32 - 1, 2**31 - 1, 2**63 - 1


def layer(kind, fields, bottoms='bottom: "d"'):
    return f'{INPUT}layer {{ name: "x" type: "{kind}" {bottoms} top: "y" {fields} }}'


def source(dims):
    return ('layer { name: "i" type: "Input" top: "d" input_param { shape { '
            + " ".join(f"dim: {dim}" for dim in dims) + " } } }")


REFUSED = {
    "2^31 values": (source([2**31]), "product below 2^31"),
    "2^63 values": (source([LONG, LONG]), "product below 2^31"),
    "a product of 2^31": (source([2**16, 2**15]), "product below 2^31"),
    "a number past int64": (source([2**63]), "takes an integer from"),
    "a number of 10,000 digits": (source(["1" * 10_000]), "takes an integer from"),
    "a negative dimension": (source([-1]), "must be >= 0"),
    "a million dimensions": (source([1] * 1_000_000), "Caffe's limit is 32"),
    "filters": (layer("Convolution", f"convolution_param {{ num_output: {UINT} kernel_size: 1 }}"),
                "product below 2^31"),
    "a kernel": (layer("Convolution", f"convolution_param {{ num_output: 1 kernel_size: {UINT} }}"),
                 "below 2^31"),
    "a stride": (layer("Convolution", "convolution_param { num_output: 1 kernel_size: 1 "
                                      f"stride: {UINT} }}"), "below 2^31"),
    "a padding": (layer("Convolution", "convolution_param { num_output: 1 kernel_size: 1 "
                                       f"pad: {INT} }}"), "product below 2^31"),
    "groups": (layer("Convolution", "convolution_param { num_output: 1 kernel_size: 1 "
                                    f"group: {UINT} }}"), "must divide"),
    "an axis": (layer("Convolution", "convolution_param { num_output: 1 kernel_size: 1 "
                                     f"axis: {-2**31} }}"), "does not exist"),
    "a million kernels": (layer("Convolution", "convolution_param { num_output: 1 "
                                + "kernel_size: 1 " * 1_000_000 + "}"), "1000000 values"),
    "a deconvolution": (layer("Deconvolution", "convolution_param { num_output: 1 "
                                               f"kernel_size: {INT} stride: {INT} }}"),
                        "product below 2^31"),
    "columns": (layer("Im2col", f"convolution_param {{ kernel_size: {INT} pad: {INT} }}"),
                "product below 2^31"),
    "a pooling": (layer("Pooling", f"pooling_param {{ kernel_size: {UINT} stride: {UINT} }}"),
                  "below 2^31"),
    "a pyramid": (layer("SPP", f"spp_param {{ pyramid_height: {UINT} }}"), "too many for"),
    "weights": (layer("InnerProduct", f"inner_product_param {{ num_output: {INT} }}"),
                "product below 2^31"),
    "words": (layer("Embed", f"embed_param {{ num_output: {INT} input_dim: {UINT} }}"),
              "product below 2^31"),
    "tiles": (layer("Tile", f"tile_param {{ tiles: {INT} }}"), "product below 2^31"),
    "a shape past int64": (layer("Reshape", f"reshape_param {{ shape {{ dim: {LONG} dim: {-LONG} "
                                            "} }"), "values, the new shape"),
    "a shape of 200,000 axes": (layer("Reshape", "reshape_param { shape { "
                                      + f"dim: {LONG} " * 200_000 + "} }"), "limit is 32"),
    "axes to reshape": (layer("Reshape", f"reshape_param {{ shape {{ dim: 0 }} axis: {INT} "
                                         f"num_axes: {INT} }}"), "does not exist"),
    "a million cuts": (layer("Slice", "slice_param { " + "slice_point: 1 " * 1_000_000 + "}"),
                       "need 0 slice points"),
    "a million offsets": (layer("Crop", "crop_param { " + "offset: 1 " * 1_000_000 + "}",
                                'bottom: "d" bottom: "d"'), "1000000 offsets"),
    "a filler without end": (layer("Convolution", "convolution_param { num_output: 1 kernel_size: "
                                   f'1 weight_filler {{ type: "{"a" * 10**6}" }} }}'),
                             "no filler is called"),
    "its own bottom": ('layer { name: "x" type: "ReLU" bottom: "a" top: "a" }', "no layer above"),
    "a cycle": ('layer { name: "x" type: "ReLU" bottom: "a" top: "b" }'
                'layer { name: "y" type: "ReLU" bottom: "b" top: "a" }', "no layer above"),
    "a name of 1 MB": (f'layer {{ name: "{"q" * 10**6}" type: "Nope" }}', "unknown layer type"),
    "a type of 1 MB": (f'layer {{ name: "a" type: "{"q" * 10**6}" }}', "unknown layer type"),
    "a type of many words": (f'layer {{ name: "a" type: "{"q " * 10**6}" }}', "unknown layer type"),
    "a blob of 1 MB": (layer("ReLU", "", f'bottom: "{"q" * 10**6}"'), "no layer above"),
    "names for a terminal": (r'layer { name: "a\n\033[2J\b\342\200\256" type: "Nope\n" }',
                             r"\n\x1b[2J\x08\u202e"),
    "takers of one blob": (INPUT + "".join(f'layer {{ name: "r{i}" type: "ReLU" bottom: "d" '
                                           f'top: "e{i}" }}' for i in range(20_000))
                           + 'layer { name: "p" type: "ReLU" bottom: "d" top: "d" }',
                           "cannot work in place"),
    "near names": (INPUT + "".join(f'layer {{ name: "r" type: "ReLU" bottom: "d" top: '
                                   f'"{"e" * 70}{i}" }}' for i in range(20_000))
                   + f'layer {{ name: "p" type: "ReLU" bottom: "{"e" * 75}" }}', "did you mean"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_a_sentence(name, tmp_path):
    text, reason = REFUSED[name]
    path = tmp_path / "net.prototxt"
    path.write_text(text)
    assert reason in outcome(path)


def test_as_many_stages_as_a_file_can_hold_take_linear_time(tmp_path):
    stages = "".join(f'stage: "s{i}" ' for i in range(100_000))
    (tmp_path / "net.prototxt").write_text(
        f"state {{ {stages} }} {INPUT}".replace('top: "d"', f'top: "d" include {{ {stages} }}'))
    assert not outcome(tmp_path / "net.prototxt")


def test_a_layer_of_many_tops_takes_linear_time(tmp_path):
    tops = "".join(f'top: "t{i}" ' for i in range(100_000))
    (tmp_path / "net.prototxt").write_text(INPUT.replace('top: "d"', tops))
    assert process(tmp_path / "net.prototxt", mib=1024, seconds=30) == ""


@pytest.mark.parametrize("state", [{"level": 10**30}, {"stages": ["\udcff"]}, {"phase": 10**10}])
def test_states_that_no_message_holds(state):
    with pytest.raises(NetbuilderError, match="no state of a net"):
        resolve(parse(INPUT, caffe_pb2.NetParameter()), **state)


def test_shapes_of_the_caller_are_as_bounded_as_a_file_s():
    net = parse('layer { name: "p" type: "Python" top: "d" }', caffe_pb2.NetParameter())
    with pytest.raises(ShapeError, match="product below"):
        resolve(net, inputs={"d": (10**30, 1)})


# The next two need their own processes: their memory is measured.


def test_no_tensor_is_allocated(tmp_path):
    """2^31 - 1 values and weights are what Caffe allows: 16 GB, in a process that may use 0.5."""
    (tmp_path / "net.prototxt").write_text(
        source([1, 2**31 - 1]) + 'layer { name: "x" type: "InnerProduct" bottom: "d" top: "y" '
        "inner_product_param { num_output: 1 } }")
    assert process(tmp_path / "net.prototxt", mib=512) == ""


@pytest.mark.parametrize("text", [
    'layer { name: "r" type: "ReLU" bottom: "d" top: "d" }\n', "layer {}\n", "layers {}\n",
])
def test_a_million_layers(text, tmp_path):
    (tmp_path / "net.prototxt").write_text(INPUT + text * 1_000_000)
    said = process(tmp_path / "net.prototxt", mib=2048)
    assert "32 MiB" in said or "more than 400000 messages" in said
