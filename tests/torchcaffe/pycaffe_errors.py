"""Scripts that end in an error: values of the wrong kind, modules and images that are not there."""

from __future__ import annotations

from pycaffe_files import NET

PYTHON = """
open('python.prototxt', 'w').write('''
input: "x" input_shape {{ dim: 2 }}
layer {{ name: "mine" type: "Python" bottom: "x" top: "y"
  python_param {{ module: "{}" layer: "{}" }} }}''')
open('broken_layers.py', 'w').write('import nothing_of_this_name')
open('false_layers.py', 'w').write('def (')
open('wrong_layers.py', 'w').write('class Stranger:\\n    def __init__(self, *any): pass')
import sys; sys.path.insert(0, os.getcwd())
caffe.Net('python.prototxt', caffe.TEST)"""
CLASSIFIER = """
open('images.prototxt', 'w').write('''
input: "data" input_shape { dim: 10 dim: 3 dim: 2 dim: 2 }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 2 weight_filler { type: "constant" value: 1 } } }''')
caffe.Net('images.prototxt', caffe.TEST).save('images.caffemodel')
c = caffe.Classifier('images.prototxt', 'images.caffemodel')
"""
FIELDS = {  # a keyword -> the layer that has it
    "num_output": "L.Convolution(x, kernel_size=1, num_output=v)",
    "kernel_size": "L.Convolution(x, num_output=1, kernel_size=v)",
    "bias_term": "L.Convolution(x, num_output=1, kernel_size=1, bias_term=v)",
    "weight_filler": "L.Convolution(x, num_output=1, kernel_size=1, weight_filler=v)",
    "param": "L.Convolution(x, num_output=1, kernel_size=1, param=v)",
    "pool": "L.Pooling(x, kernel_size=1, pool=v)",
    "name": "L.ReLU(x, name=v)",
    "negative_slope": "L.ReLU(x, negative_slope=v)",
    "include": "L.ReLU(x, include=v)",
    "phase": "L.ReLU(x, phase=v)",
}
WRONG = {"text": "'a'", "none": "None", "fraction": "1.5", "below zero": "-1", "truth": "True",
         "large": "2 ** 40", "complex": "1j", "object": "object()", "set": "{3}"}

VALUES = {
    f"{field} {kind}": f"""
from caffe import layers as L
x, v = L.Input(shape=dict(dim=[2, 3, 4, 4])), {value}
caffe.to_proto({made}); r = 'well'"""
    for field, made in FIELDS.items() for kind, value in WRONG.items()
} | {
    "a truth as a number": """
from caffe import layers as L
n = caffe.to_proto(L.Convolution(L.Input(), num_output=True, bias_term=1.5, kernel_size=1))
r = n.layer[1].convolution_param.num_output, n.layer[1].convolution_param.bias_term""",
    "a spec of numbers": "n = caffe.NetSpec(); n.x = 3; n.to_proto()",
}

VECTORS = {
    "a param": NET + "n.params['ip'][0] = 1",
    "a param by a blob": NET + """
v = n.params['ip']; v[0] = v[1]; r = [list(b.shape) for b in v]""",
    "a param out of range": NET + "n.params['ip'][5] = n.blobs['data']",
    "some params": NET + "n.params['ip'][0:1] = [1]",
    "some params by blobs": NET + """
n.params['ip'][0:1] = [n.blobs['data']]; r = [list(b.shape) for b in n.params['ip']]""",
    "append": NET + "n.params['ip'].append(1)",
    "append a blob": NET + "n.params['ip'].append(n.blobs['data']); r = len(n.params['ip'])",
    "extend": NET + "n.params['ip'].extend([1])",
    "extend by blobs": NET + "n.params['ip'].extend([n.blobs['data']]); r = len(n.params['ip'])",
    "a layer's blobs": NET + "n.layers[1].blobs[0] = 1",
    "a name": NET + "n._layer_names[0] = 3",
    "a place": NET + "n._inputs[0:0] = ['a']",
}

PYTHON_LAYERS = {
    "no module": PYTHON.format("no_such_layers", "Mine"),
    "no package": PYTHON.format("no_such.layers", "Mine"),
    "a module that imports what is not there": PYTHON.format("broken_layers", "Mine"),
    "a module that is no Python": PYTHON.format("false_layers", "Mine"),
    "no class": PYTHON.format("os", "Mine"),
    "no layer": PYTHON.format("wrong_layers", "Stranger"),
    "no name": PYTHON.format("", "Mine"),
}

TRANSFORMER = """
import caffe.io
t = caffe.io.Transformer({'data': (1, 3, 4, 5)})
"""
IMAGES = {
    "mean resized": TRANSFORMER + """
t.set_mean('data', np.arange(216.).reshape(3, 8, 9)); r = t.mean['data'][1]""",
    "mean of four channels": TRANSFORMER + "t.set_mean('data', np.zeros(4))",
    "mean of four axes": TRANSFORMER + "t.set_mean('data', np.zeros((1, 3, 4, 5)))",
    "transpose of two axes": TRANSFORMER + "t.set_transpose('data', (1, 0))",
    "swap of two channels": TRANSFORMER + "t.set_channel_swap('data', (1, 0))",
    "no input": TRANSFORMER + "t.set_raw_scale('date', 255)",
    "datum of two axes": "import caffe.io; caffe.io.array_to_datum(np.zeros((2, 3)))",
    "no images": CLASSIFIER + "c.predict([])",
    "no images, centre": CLASSIFIER + "c.predict([], oversample=False)",
    "none": CLASSIFIER + "c.predict(None)",
    "a number": CLASSIFIER + "c.predict([1])",
    "a file's name": CLASSIFIER + "c.predict(['x.jpg'])",
    "two axes": CLASSIFIER + "c.predict([np.ones((2, 2))])",
    "an image by itself": CLASSIFIER + "c.predict(np.ones((2, 2, 3)))",
    "an array": CLASSIFIER + "r = c.predict(np.ones((2, 2, 2, 3)), oversample=False)",
}
