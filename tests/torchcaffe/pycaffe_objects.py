"""Scripts about what pycaffe's objects are: vectors, pickles, users' layers, specs."""

from __future__ import annotations

from pycaffe_files import NET, SOLVER

OWN = """
open('own_layers.py', 'w').write('''
import caffe
class Own(caffe.Layer):
    def setup(self, bottom, top): self.seen, self.name, self.weights, self.op = ['setup'], 1, 2, 3
    def reshape(self, bottom, top): top[0].reshape(*bottom[0].shape)
    def forward(self, bottom, top):
        self.seen.append([isinstance(bottom, list), top[-1].count])
    def backward(self, top, propagate_down, bottom): self.seen.append(list(propagate_down))
class NoSetup(caffe.Layer):
    def reshape(self, bottom, top): pass
class NoReshape(caffe.Layer):
    def setup(self, bottom, top): pass
class NoForward(caffe.Layer):
    def setup(self, bottom, top): pass
    def reshape(self, bottom, top): top[0].reshape(1)
''')
import sys; sys.path.insert(0, os.getcwd())
def net(layer):
    open('own.prototxt', 'w').write('''force_backward: true
input: "x" input_shape { dim: 2 } layer { name: "own" type: "Python" bottom: "x" top: "y"
  python_param { module: "own_layers" layer: "%s" } }''' % layer)
    return caffe.Net('own.prototxt', caffe.TEST)
"""
SPEC = "from caffe import layers as L\n"

VECTORS_AS_OBJECTS = {
    "no lists": NET + """
r = [isinstance(v, list) for v in (n.layers, n.params['ip'], n._layer_names, n._outputs)]""",
    "methods": NET + """
r = [[name for name in dir(list) if not name.startswith('_') and hasattr(v, name)]
     for v in (n.layers, n.params['ip'], n._layer_names, n._outputs)]""",
    "plus": NET + "n.params['ip'] + n.params['ip']",
    "times": NET + "n._layer_names * 2",
    "compared": NET + "n._layer_names < n._layer_names",
    "equal": NET + "v = n._outputs; r = v == list(v), v == v, n.params['ip'] == n.params['ip']",
    "steps": NET + "n._layer_names[::2]",
    "a step of one": NET + "n._layer_names[::1]",
    "steps set": NET + "n._layer_names[::2] = ['a']",
    "steps deleted": NET + "del n._layer_names[::2]",
    "slices": NET + """
v = n._layer_names; r = [list(s) for s in (v[-2:], v[:-1], v[2:1], v[9:])], type(v[1:]).__name__""",
    "backwards": NET + "r = list(reversed(n._layer_names))",
    "deleted": NET + """
v = n.params['ip']; del v[0]; r = [len(v), len(n.layers[1].blobs)]; del v[:]; r.append(len(v))""",
    "place by text": NET + "n.params['ip']['0']",
    "place none": NET + "n.params['ip'][None]",
    "an array of a vector": NET + "r = np.array(n._outputs), np.array(n._blob_loss_weights)",
    "as text": NET + """
r = ['BlobVec' in repr(n.params['ip']), 'Net' in repr(n), len(repr(n.layers[0])) < 99]""",
    "as JSON": NET + "import json; json.dumps(n._layer_names)",
}

PICKLES = {
    "a net": NET + "import pickle; pickle.dumps(n)",
    "a net's copy": NET + "import copy; copy.deepcopy(n)",
    "a blob": NET + "import pickle; pickle.dumps(n.blobs['ip'])",
    "a blob's copy": NET + "import copy; copy.copy(n.blobs['ip'])",
    "a solver": SOLVER + "import pickle; pickle.dumps(s)",
    "parameters": NET + "import pickle; pickle.dumps(n.params)",
    "names": NET + "import pickle; pickle.dumps(n._layer_names)",
    "arrays": NET + """
import pickle; r = pickle.loads(pickle.dumps([b.data for b in n.params['ip']]))""",
    "a dict's copy": NET + "import copy; d = copy.copy(n.blobs); d['x'] = 1; r = list(n.blobs)",
}

OWN_LAYERS = {
    "no setup": OWN + "net('NoSetup')",
    "no reshape": OWN + "net('NoReshape')",
    "no forward": OWN + "net('NoForward').forward()",
    "the user's object": OWN + """
import own_layers; n = net('Own'); n.forward(); n.backward(); own = n.layers[1]
r = [type(own).__name__, own.seen, own.name, own.weights, own.op, own is n.layer_dict['own'],
     isinstance(own, own_layers.Own), isinstance(own, caffe.Layer), len(own.blobs), own.type]""",
    "called by hand": OWN + """
n = net('Own'); own = n.layers[1]; own.forward([n.blobs['x']], [n.blobs['y']]); r = own.seen""",
    "a blob added later": OWN + """
n = net('Own'); n.layers[1].blobs.add_blob(2); r = len(n.layers[1].blobs), len(n.params)""",
}

SPECS = {
    "a tuple": SPEC + "caffe.to_proto(L.Input(shape=dict(dim=(2, 3))))",
    "a tuple of messages": SPEC + "caffe.to_proto(L.ReLU(L.Input(), include=(dict(phase=0),)))",
    "no values": SPEC + "caffe.to_proto(L.Slice(L.Input(), slice_point=[]))",
    "a list for one value": SPEC + "caffe.to_proto(L.Power(L.Input(), power=[2]))",
    "a list for one message": SPEC + """
caffe.to_proto(L.InnerProduct(L.Input(), num_output=1, weight_filler=[dict(type='xavier')]))""",
    "no parameters": SPEC + "caffe.to_proto(L.InnerProduct(L.Input(), num_output=1, param=[]))",
    "assigned no values": """
from caffe import net_spec; net_spec.assign_proto(caffe.proto.caffe_pb2.NetParameter(), 'input', [])
""",
    "an array of one": SPEC + """
m = caffe.to_proto(L.Power(L.Input(), power=np.array([3.5]), shift=np.array(2.)))
r = m.layer[1].power_param.power, m.layer[1].power_param.shift""",
    "an array of one for a whole number": SPEC + """
caffe.to_proto(L.Convolution(L.Input(), num_output=np.array([3])))""",
    "an empty dict": SPEC + """
r = str(caffe.to_proto(L.Convolution(L.Input(transform_param={}), num_output=1, weight_filler={})))
""",
    "params changed later": SPEC + """
t = L.Convolution(L.Input(), num_output=3); t.fn.params['num_output'] = 5
t.fn.params.update(weight_filler=dict(type='xavier')); r = str(t.to_proto())""",
    "tops in order": SPEC + """
n = caffe.NetSpec(); n.a = L.Input(); n.b = L.ReLU(n.a); n.tops.move_to_end('a')
r = type(n.tops).__name__, next(reversed(n.tops)), str(n.to_proto())""",
}
