"""caffe.net_spec writes what pycaffe's writes, and checks as late as pycaffe does."""

from __future__ import annotations

import importlib
import inspect

import pytest

import netbuilder.torchcaffe as caffe
from netbuilder import spec
from netbuilder.errors import ShapeError
from netbuilder.proto import caffe_pb2
from netbuilder.torchcaffe import net_spec

pytestmark = pytest.mark.torch

L = caffe.layers

NAMES = """
import inspect, json
import caffe.coord_map, caffe.draw, caffe.io, caffe.net_spec
import caffe.classifier, caffe.detector

def signature(thing):
    return [(p.name, repr(p.default)) for p in inspect.signature(thing).parameters.values()]

found = {}
for module in (caffe.io, caffe.net_spec, caffe.classifier, caffe.detector, caffe.coord_map,
               caffe.draw):
    for name, thing in vars(module).items():
        if getattr(thing, "__module__", "") != module.__name__ or not callable(thing):
            continue
        if name.startswith("_") or name in ("layers", "params") or name.endswith("Exception"):
            continue
        found[module.__name__ + "." + name] = signature(thing)
        if inspect.isclass(thing) and not issubclass(thing, Exception):
            for method, function in vars(thing).items():
                if not method.startswith("_") and inspect.isfunction(function):
                    found["%s.%s.%s" % (module.__name__, name, method)] = signature(function)
print(json.dumps([found, caffe.net_spec.param_name_dict(), caffe.coord_map.PASS_THROUGH_LAYERS]))
"""


@pytest.fixture(scope="module")
def theirs(run_caffe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")  # where no pydot is, caffe.draw cannot be imported
    (folder / "pydot.py").write_text("")
    return run_caffe(f"import sys; sys.path.insert(0, {str(folder)!r})\n" + NAMES)


@pytest.mark.caffe
def test_names_and_arguments_are_pycaffes(theirs):
    assert len(theirs[0]) > 40
    for path, parameters in theirs[0].items():
        _, module, *names = path.split(".")
        thing = importlib.import_module(f"{caffe.__name__}.{module}")
        for name in names:
            thing = getattr(thing, name)
        ours = inspect.signature(thing).parameters.values()
        assert [[p.name, repr(p.default)] for p in ours] == parameters, path


@pytest.mark.caffe
def test_parameter_names_are_caffes(theirs):
    ours = net_spec.param_name_dict()
    assert theirs[1].items() <= ours.items()


def test_fit_is_asked_when_the_net_is_made():
    data = L.Input(shape={"dim": [1, 3, 8, 8]})
    flat = L.InnerProduct(data, num_output=2)
    wrong = L.Pooling(flat, kernel_size=2)
    assert wrong.shape is None
    with pytest.raises(ShapeError, match='layer "Pooling1"'):
        caffe.Net(wrong.to_proto(), caffe.TEST)
    assert [layer.type for layer in L.OurOwn(data).to_proto().layer] == ["Input", "OurOwn"]
    with pytest.raises(ShapeError):
        spec.L.Pooling(spec.L.InnerProduct(spec.L.Input(shape={"dim": [1, 3]}), num_output=2),
                       kernel_size=2)


@pytest.mark.parametrize("kind", ["Deconvolution", "LSTM"])
def test_a_type_takes_the_keywords_of_the_field_it_borrows(kind):
    made = getattr(L, kind)(L.Input(shape={"dim": [4, 2, 5, 5]}), num_output=6).to_proto()
    field = {"Deconvolution": "convolution_param", "LSTM": "recurrent_param"}[kind]
    assert getattr(made.layer[1], field).num_output == 6


def test_errors_are_those_that_pycaffe_raises():
    with pytest.raises(KeyError, match='no top "dta"; did you mean "data"'):
        named = caffe.NetSpec()
        named.data = L.Input()
        _ = named.dta
    with pytest.raises(AttributeError):
        L.Convolution(named.data, num_outputs=3).to_proto()
    with pytest.raises(TypeError, match=r"^Silence input 0 is not a Top \(type is "):
        L.Silence(L.DummyData(ntop=2), ntop=0)
    with pytest.raises(AttributeError):
        _ = caffe.params.Pooling.MAXIMUM


def test_assign_proto_assigns_by_pythons_type():
    layer = caffe_pb2.LayerParameter()
    net_spec.assign_proto(layer, "convolution_param", {"kernel_size": 3, "weight_filler": {
        "type": "xavier"}})
    net_spec.assign_proto(layer, "param", [{"lr_mult": 2}, {"lr_mult": 0}])
    net_spec.assign_proto(layer, "bottom", "data")
    assert list(layer.convolution_param.kernel_size) == [3]
    assert layer.convolution_param.weight_filler.type == "xavier"
    assert [param.lr_mult for param in layer.param] == [2, 0]
    assert list(layer.bottom) == ["data"]
