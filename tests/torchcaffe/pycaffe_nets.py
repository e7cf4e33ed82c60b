"""Scripts about nets: how they are made, what they consist of, how they run."""

from __future__ import annotations

from pycaffe_files import AB, DEPLOY, MANY, NET, OLD, PHASES

CONSTRUCTORS = {
    "positional": PHASES + "caffe.TEST).blobs)",
    "by names": """
r = list(caffe.Net(network_file='phases.prototxt', phase=caffe.TEST, level=2, stages=['A'],
                   weights=None).blobs)""",
    "level": PHASES + "caffe.TEST, level=2).blobs)",
    "level by place": PHASES + "caffe.TEST, 2).blobs)",
    "stages": PHASES + "caffe.TEST, stages=['A', 'B']).blobs)",
    "stages by place": PHASES + "caffe.TEST, 0, ['A']).blobs)",
    "stages tuple": PHASES + "caffe.TEST, stages=('A',)).blobs)",
    "stages none": PHASES + "caffe.TEST, stages=None, weights=None).blobs)",
    "a stage that is no text": PHASES + "caffe.TEST, stages=[1]).blobs)",
    "stages that are no list": PHASES + "caffe.TEST, stages=3).blobs)",
    "weights": NET + """
n.params['ip'][0].data[...] = 7; n.save('w.caffemodel')
r = [caffe.Net('net.prototxt', caffe.TEST, weights='w.caffemodel').params['ip'][0].data,
     caffe.Net('net.prototxt', 'w.caffemodel', caffe.TEST).params['ip'][0].data,
     caffe.Net('net.prototxt', caffe.TEST, 0, [], 'w.caffemodel').params['ip'][0].data]""",
    "no phase": "caffe.Net('net.prototxt')",
    "nothing": "caffe.Net()",
    "too much": "caffe.Net('net.prototxt', 0, 0, [], None, 1)",
    "phase as text": "caffe.Net('net.prototxt', 'TEST')",
    "phase none": "caffe.Net('net.prototxt', None)",
    "phase a fraction": "caffe.Net('net.prototxt', 1.5)",
    "file a number": "caffe.Net(5, 0)",
    "unknown keyword": "caffe.Net('net.prototxt', 0, stage=['A'])",
    "old form by names": "caffe.Net(param_file='net.prototxt', phase=0)",
    "weights a number": "caffe.Net('net.prototxt', 0, weights=5)",
    "no file": "caffe.Net('nowhere.prototxt', 0)",
    "no weights file": "caffe.Net('net.prototxt', 0, weights='nowhere.caffemodel')",
    "no weights file, old form": "caffe.Net('net.prototxt', 'nowhere.caffemodel', 0)",
    "level a fraction": "caffe.Net('net.prototxt', 0, level=1.5)",
    "a subclass": """
class Mine(caffe.Net):
    def __init__(self, path):
        caffe.Net.__init__(self, path, caffe.TEST)
        self.extra = 5
n = Mine('deploy.prototxt')
r = [n.extra, n.inputs, sorted(n.forward(a=np.ones((3, 2)), b=np.ones((3, 2))))]""",
    "an attribute of one's own": NET + "n.mine = 3; r = n.mine",
}

PARTS = {
    "blobs": NET + "r = [list(n.blobs), [list(b.shape) for b in n.blobs.values()]]",
    "blobs are an OrderedDict": NET + "r = type(n.blobs).__name__, n.blobs is n.blobs",
    "an unknown blob": NET + "n.blobs['nope']",
    "params": NET + "r = type(n.params).__name__, list(n.params), len(n.params['ip'])",
    "params cached": NET + "r = n.params is n.params",
    "layers": NET + "r = [l.type for l in n.layers], len(n.layers), n.layers[-1].type",
    "layer names": NET + "r = list(n._layer_names), len(n._layer_names), n._layer_names[1]",
    "blob names": NET + "r = list(n._blob_names)",
    "blobs by place": NET + "r = [list(b.shape) for b in n._blobs], list(n._blobs[0].shape)",
    "layer_dict": NET + "r = [type(n.layer_dict).__name__, list(n.layer_dict)]",
    "layer_dict types": NET + "r = [l.type for l in n.layer_dict.values()]",
    "a layer's blobs": NET + "r = [list(b.shape) for b in n.layer_dict['ip'].blobs]",
    "a layer without blobs": NET + "r = len(n.layer_dict['relu'].blobs)",
    "inputs and outputs": NET + "r = n.inputs, n.outputs, list(n._inputs), list(n._outputs)",
    "inputs of Input": DEPLOY + "r = n.inputs, n.outputs, list(n._inputs), list(n._outputs)",
    "inputs of input:": OLD + "r = n.inputs, n.outputs, list(n._inputs), list(n._layer_names)",
    "inputs kind": DEPLOY + "r = type(n.inputs).__name__, type(n.outputs).__name__",
    "top_names": NET + "r = n.top_names, type(n.top_names).__name__",
    "bottom_names": NET + "r = n.bottom_names, type(n.bottom_names['loss']).__name__",
    "top ids": NET + "r = [list(n._top_ids(i)) for i in range(len(n.layers))]",
    "bottom ids": NET + "r = [list(n._bottom_ids(i)) for i in range(len(n.layers))]",
    "top ids of no layer": NET + "r = list(n._top_ids('ip'))",
    "loss weights": NET + "r = n.blob_loss_weights, list(n._blob_loss_weights)",
    "loss weights kind": NET + "r = type(n.blob_loss_weights).__name__",
    "no such layer": NET + "n.layers[77]",
    "layers by name": NET + "n.layers['ip']",
    "slice of layers": NET + "r = [l.type for l in n.layers[1:3]]",
    "slice of blobs": NET + "r = [list(b.shape) for b in n.layers[1].blobs[:1]]",
    "no such param": NET + "n.params['ip'][2]",
    "param by name": NET + "n.params['ip']['w']",
    "last param": NET + "r = list(n.params['ip'][-1].shape)",
    "params too low": NET + "n.params['ip'][-3]",
    "is it in": NET + "r = n.layers[1] in n.layers, n.params['ip'][0] in n.params['ip']",
    "read only": NET + "n.outputs = 3",
    "read only layers": NET + "n.layers = 3",
    "no attribute": NET + "n.nothing",
    "kinds": NET + """
r = [type(n).__name__, type(n.blobs['data']).__name__, type(n.layers[0]).__name__,
     type(n.layers).__name__, type(n.params['ip']).__name__, type(n._layer_names).__name__,
     type(n._inputs).__name__, type(n._blob_loss_weights).__name__, type(n._blobs).__name__,
     type(n._top_ids(0)).__name__]""",
    "isinstance": NET + "r = isinstance(n.layers[1], caffe.Layer), isinstance(n, caffe.Net)",
    "names sliced": NET + "r = list(n._layer_names[1:3]), 'ip' in n._layer_names",
    "where a layer is": NET + "r = list(n._layer_names).index('relu')",
    "map": NET + "r = sum(map(list, n.params.values()), [])[0].count",
}

RUNNING = {
    "forward": NET + "r = n.forward()",
    "forward keys": NET + "r = sorted(n.forward())",
    "forward and blobs": NET + "o = n.forward(['ip', 'data']); r = sorted(o.items())",
    "forward blobs unknown": NET + "n.forward(blobs=['nope'])",
    "forward blobs text": NET + "n.forward(blobs='ip')",
    "backward diffs text": NET + "n.forward(); n.backward(diffs='ip')",
    "forward blobs tuple": NET + "n.forward(blobs=('ip',))",
    "forward is a view": NET + """
o = n.forward(['ip']); o['ip'][...] = 3; r = n.blobs['ip'].data[0, 0]""",
    "forward end": NET + "r = n.forward(end='ip')",
    "forward start": NET + "n.forward(); n.blobs['ip'].data[...] = 1; r = n.forward(start='prob')",
    "forward part": NET + "n.blobs['data'].data[...] = 8; r = n.forward(start='ip', end='relu')",
    "forward end with blobs": NET + "r = n.forward(end='ip', blobs=['data'])",
    "forward start after end": NET + "r = n.forward(start='loss', end='ip')",
    "forward of no layer": NET + "n.forward(start='nope')",
    "forward to no layer": NET + "n.forward(end='nope')",
    "forward in place": NET + "n.forward(); r = n.forward(start='relu', end='relu')",
    "forward positional": NET + "r = n.forward(None, 'ip', 'ip')",
    "forward fills": DEPLOY + AB + "r = n.forward(a=a, b=b)",
    "forward fills by dict": DEPLOY + AB + "r = sorted(n.forward(**{'a': a, 'b': b}))",
    "forward lacks an input": DEPLOY + AB + "n.forward(a=a)",
    "forward too many inputs": DEPLOY + AB + "n.forward(a=a, b=b, c=b)",
    "forward not batch sized": DEPLOY + AB + "n.forward(a=a[:2], b=b)",
    "forward wrong shape": DEPLOY + AB + "n.forward(a=a, b=np.ones((3, 5)))",
    "forward broadcasts": DEPLOY + AB + "r = n.forward(a=a, b=np.ones((3, 1)))['sum'] if 0 else "
                                        "n.forward(a=a, b=np.ones((3, 1)))",
    "forward of a list": DEPLOY + AB + "n.forward(a=a.tolist(), b=b)",
    "forward of ints": DEPLOY + AB + "r = n.forward(a=a.astype(int), b=b.astype(np.float64))",
    "forward kwargs without inputs": NET + "n.forward(data=np.ones((4, 2)))",
    "forward twice": DEPLOY + AB + "n.forward(a=a, b=b); r = n.forward(a=b, b=b)",
    "forward returns no copy": DEPLOY + AB + """
one = n.forward(a=a, b=b); two = n.forward(a=b, b=b); r = bool((one['ip'] == two['ip']).all())""",
    "_forward": NET + "r = n._forward(0, 3)",
    "_forward of the last": NET + "n._forward(0, 4); r = n._forward(4, 4)",
    "_forward all": NET + "r = n._forward(0, len(n.layers) - 1)",
    "_forward by names": NET + "n._forward('data', 'loss')",
    "_backward": NET + "n.forward(); r = n._backward(5, 0)",
    "backward": NET + "n.forward(); r = n.backward()",
    "backward diffs": NET + "n.forward(); r = n.backward(['data', 'ip'])",
    "backward diffs unknown": NET + "n.forward(); n.backward(diffs=['nope'])",
    "backward end": NET + "n.forward(); r = n.backward(end='ip')",
    "backward start": NET + """
n.forward(); n.blobs['ip'].diff[...] = 1; r = n.backward(start='ip', end='ip')""",
    "backward of no layer": NET + "n.forward(); n.backward(start='nope')",
    "backward to no layer": NET + "n.forward(); n.backward(end='nope')",
    "backward to loss": NET + "n.forward(); r = sorted(n.backward(end='loss'))",
    "backward without forward": NET + """
n.blobs['ip'].diff[...] = 1; r = n.backward(start='ip', end='ip')""",
    "backward fills": DEPLOY + AB + """
n.forward(a=a, b=b); r = n.backward(ip=np.ones((3, 2)), twice=np.full((3, 2), 3))""",
    "backward fills too little": DEPLOY + AB + "n.forward(a=a, b=b); n.backward(ip=a)",
    "backward not batch sized": DEPLOY + AB + "n.forward(a=a, b=b); n.backward(ip=a[:1], twice=b)",
    "backward inputs": DEPLOY + AB + "n.forward(a=a, b=b); r = sorted(n.backward())",
    "backward adds up": NET + """
n.forward(); n.backward(); one = n.params['ip'][0].diff.copy(); n.backward()
r = n.params['ip'][0].diff / one""",
    "clear_param_diffs": NET + """
n.forward(); n.backward(); d = n.params['ip'][0].diff; before = bool(abs(d).sum() > 0)
n.clear_param_diffs(); r = [before, d]""",
    "clear gives": NET + "r = n.clear_param_diffs(), n.reshape()",
    "loss in the diff": NET + "n.forward(); r = n.blobs['loss'].diff",
    "writing counts": NET + """
n.params['ip'][0].data[...] = 1; n.params['ip'][1].data[:] = [0, 1, 2]
n.blobs['data'].data[...] = [[1, 2]] * 4; r = n.forward(start='ip', end='ip')""",
    "an array held": NET + """
d = n.blobs['ip'].data; n.forward(); one = d.copy()
n.params['ip'][1].data[...] = 4; n.forward(); r = [one, d]""",
    "a diff held": NET + "d = n.params['ip'][1].diff; n.forward(); n.backward(); r = d",
    "setting data": NET + "n.blobs['data'].data = np.ones((4, 2))",
    "setting diff": NET + "n.blobs['data'].diff = np.ones((4, 2))",
}

LOSS = """
open('loss.prototxt', 'w').write('''
input: "x" input_shape { dim: 2 dim: 3 } layer { name: "r" type: "Reduction" bottom: "x" top: "r" }
''')
n = caffe.Net('loss.prototxt', caffe.TEST)
"""
ALL = {
    "forward_all": DEPLOY + MANY + "r = n.forward_all(a=a, b=b)",
    "forward_all blobs": DEPLOY + MANY + "r = sorted(n.forward_all(['sum'], a=a, b=b).items())",
    "forward_all whole batches": DEPLOY + MANY + "r = n.forward_all(a=a[:6], b=b[:6])['ip']",
    "forward_all less than one": DEPLOY + MANY + "r = n.forward_all(a=a[:1], b=b[:1])['ip']",
    "forward_all of nothing": DEPLOY + "n.forward_all()",
    "forward_all of lists": DEPLOY + MANY + "r = n.forward_all(a=list(a), b=list(b))",
    "forward_all kinds": DEPLOY + MANY + """
o = n.forward_all(a=a, b=b); r = type(o).__name__, type(o['ip']).__name__""",
    "forward_all lacks one": DEPLOY + MANY + "n.forward_all(a=a)",
    "forward_all of a loss": LOSS + "n.forward_all(x=np.ones((4, 3)))",
    "forward_backward_all of a loss": LOSS + "n.forward_backward_all(x=np.ones((4, 3)))",
    "forward_backward_all": DEPLOY + MANY + """
g = np.arange(14.).reshape(7, 2)
blobs, diffs = n.forward_backward_all(a=a, b=b, ip=g, twice=g)
r = [sorted(blobs.items()), sorted(diffs.items())]""",
    "forward_backward_all more": DEPLOY + MANY + """
g = np.ones((7, 2))
blobs, diffs = n.forward_backward_all(blobs=['sum'], diffs=['sum'], a=a, b=b, ip=g, twice=g)
r = [sorted(blobs.items()), sorted(diffs.items())]""",
    "forward_backward_all lacks tops": DEPLOY + MANY + "n.forward_backward_all(a=a, b=b)",
    "_batch": DEPLOY + MANY + "r = [x['a'] for x in n._batch(dict(a=a, b=b))]",
    "_batch is lazy": DEPLOY + MANY + "r = type(n._batch(dict(a=a))).__name__",
    "_batch of nothing": DEPLOY + "list(n._batch({}))",
}
