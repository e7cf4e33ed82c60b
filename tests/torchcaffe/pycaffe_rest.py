"""Scripts about blobs, files, callbacks, the module itself and solvers."""

from __future__ import annotations

from pycaffe_files import DEPLOY, MEMORY, NET, OLD, SOLVER

BLOBS = {
    "shape": NET + "r = list(n.blobs['data'].shape), len(n.blobs['data'].shape)",
    "shape compared": NET + "r = tuple(n.blobs['data'].shape) == (4, 2), n.blobs['ip'].shape[1]",
    "shape kind": NET + "r = type(n.blobs['data'].shape).__name__",
    "shape is not a tuple": NET + "r = n.blobs['data'].shape == (4, 2)",
    "shape is a copy": NET + "b = n.blobs['data']; b.shape[0] = 9; r = list(b.shape)",
    "shape sliced": NET + "r = list(n.blobs['data'].shape[1:])",
    "shape plus": NET + "r = (3,) + n.blobs['data'].shape",
    "shape for numpy": NET + "s = n.blobs['data'].shape; r = np.zeros(s), int(np.prod(s))",
    "shape unpacked": NET + "x, y = n.blobs['data'].shape; r = [x, y]",
    "shape into reshape": NET + "b = n.blobs['ip']; b.reshape(*b.shape); r = b.count",
    "old four": OLD + "b = n.blobs['data']; r = b.num, b.channels, b.height, b.width, b.count",
    "old four of two": NET + "b = n.blobs['data']; r = b.num, b.channels, b.height, b.width",
    "scalar": NET + "n.forward(); b = n.blobs['loss']; r = [list(b.shape), b.count, b.data]",
    "scalar as a float": NET + "n.forward(); r = float(n.blobs['loss'].data)",
    "reshape": OLD + "n.blobs['data'].reshape(1, 1, 4, 6); r = list(n.blobs['data'].shape)",
    "reshape gives": OLD + "r = n.blobs['data'].reshape(1, 1, 4, 6)",
    "reshape keeps": NET + """
b = n.blobs['data']; b.data[...] = np.arange(8).reshape(4, 2); b.reshape(2, 2); r = [b.data]
b.reshape(4, 2); r.append(b.data)""",
    "reshape grows": NET + "b = n.blobs['data']; b.reshape(6, 2); r = b.data.shape, b.diff.shape",
    "reshape to a scalar": NET + "b = n.blobs['data']; b.reshape(); r = list(b.shape), b.count",
    "reshape by name": NET + "n.blobs['data'].reshape(shape=(1, 2))",
    "reshape a tuple": NET + "n.blobs['data'].reshape((1, 2))",
    "reshape text": NET + "n.blobs['data'].reshape('1')",
    "reshape fraction": NET + "n.blobs['data'].reshape(1.5)",
    "reshape numpy int": NET + "b = n.blobs['data']; b.reshape(np.int64(2)); r = list(b.shape)",
    "net reshape": OLD + """
n.blobs['data'].reshape(1, 1, 5, 5); before = list(n.blobs['conv'].shape); n.reshape()
r = [before, list(n.blobs['conv'].shape), list(n.blobs['pool'].shape)]""",
    "forward reshapes": OLD + """
n.blobs['data'].reshape(1, 1, 5, 5); n.blobs['data'].data[...] = 1; r = n.forward()""",
    "net reshape is not undone": DEPLOY + """
for name in 'ab': n.blobs[name].reshape(5, 2)
r = n.forward(a=np.ones((5, 2)), b=np.ones((5, 2)))""",
    "dtype": NET + "b = n.blobs['data']; r = str(b.data.dtype), b.data.flags.c_contiguous",
    "flags": NET + "f = n.blobs['data'].data.flags; r = f.writeable, f.owndata",
    "first diff": NET + "r = n.blobs['data'].diff",
    "same memory": NET + "b = n.blobs['ip']; r = np.shares_memory(b.data, b.data)",
    "data and diff apart": NET + "b = n.blobs['ip']; r = np.shares_memory(b.data, b.diff)",
    "splits share": NET + """
n.forward(); n.backward(); i = list(n._blob_names)
a, b = [n.blobs[k] for k in i if k.startswith('ip_')]
r = [np.shares_memory(a.data, b.data), np.shares_memory(a.diff, b.diff),
     np.shares_memory(a.data, n.blobs['ip'].data)]""",
    "reshape shares": """
open('flat.prototxt', 'w').write('''
input: "x" input_shape { dim: 2 dim: 3 }
layer { name: "flat" type: "Flatten" bottom: "x" top: "flat" }
layer { name: "reshape" type: "Reshape" bottom: "flat" top: "reshape"
  reshape_param { shape { dim: 3 dim: 2 } } }''')
n = caffe.Net('flat.prototxt', caffe.TEST); n.forward()
b = n.blobs; r = [np.shares_memory(b['x'].data, b['flat'].data),
  np.shares_memory(b['flat'].diff, b['reshape'].diff)]""",
    "a write reaches the splits": NET + """
n.forward(); n.blobs['ip'].data[...] = [[1, 2, 3]] * 4; r = n.forward(start='prob')""",
    "same blob twice": NET + "r = n.blobs['ip'] is n.blobs['ip']",
    "params through both": NET + """
n.params['ip'][0].data[...] = 5; r = n.layers[1].blobs[0].data[0, 0]""",
    "add_blob": NET + """
v = n.layers[2].blobs; r = [len(v), v.add_blob(2, 3), len(v), list(v[0].shape), v[0].data]""",
    "add_blob by name": NET + "n.layers[2].blobs.add_blob(shape=3)",
    "add_blob without axes": NET + "v = n.layers[2].blobs; v.add_blob(); r = list(v[0].shape)",
    "add_blob stays": NET + """
n.layers[2].blobs.add_blob(1); r = len(n.layers[2].blobs), 'relu' in n.params""",
    "a blob alone": "caffe.Blob()",
    "_caffe.Blob of a shape": "from caffe import _caffe; _caffe.Blob([1, 2])",
    "a blob's own attribute": NET + "b = n.blobs['ip']; b.mine = 4; r = b.mine",
    "after the net": NET + "b = n.blobs['data']; p = n.params['ip'][0]; del n; r = b.data, p.data",
    "data after the net": NET + "d = n.blobs['data'].data; del n; r = d",
}

FILES_OF_NETS = {
    "save and copy_from": NET + """
n.params['ip'][0].data[...] = 3; r = [n.save('w.caffemodel')]
m = caffe.Net('net.prototxt', caffe.TEST); r.append(m.copy_from('w.caffemodel'))
r.append(m.params['ip'][0].data)""",
    "copy_from keeps memory": NET + """
n.save('w.caffemodel'); d = n.params['ip'][0].data; d[...] = 9
n.copy_from('w.caffemodel'); r = d""",
    "copy_from by name only": NET + """
n.save('w.caffemodel')
m = caffe.Net('phases.prototxt', caffe.TEST); m.copy_from('w.caffemodel'); r = len(m.params)""",
    "copy_from brings diffs": """
open('s.prototxt', 'w').write(open('solver.prototxt').read() + 'snapshot_diff: true')
s = caffe.SGDSolver('s.prototxt'); s.step(2); s.snapshot()
n = caffe.Net('net.prototxt', 'shot_iter_2.caffemodel', caffe.TRAIN); r = n.params['ip'][0].diff
""",
    "copy_from of double diffs": NET + """
m = caffe.proto.caffe_pb2.NetParameter(); b = m.layer.add(name='ip').blobs
b.add(num=1, channels=1, height=3, width=2, double_data=range(6), double_diff=[2] * 6)
b.add(data=[1, 2, 3], shape=dict(dim=[3])); n.params['ip'][1].diff[...] = 4
open('w.caffemodel', 'wb').write(m.SerializeToString()); n.copy_from('w.caffemodel')
r = [v for b in n.params['ip'] for v in (b.data, b.diff)]""",
    "copy_from nothing": NET + """
open('w.caffemodel', 'w').close(); n.copy_from('w.caffemodel'); r = n.params['ip'][0].data""",
    "weights of nothing": """
open('w.caffemodel', 'w').close()
r = caffe.Net('net.prototxt', 'w.caffemodel', caffe.TEST).params['ip'][0].data""",
    "copy_from a number": NET + "n.copy_from(3)",
    "save to a number": NET + "n.save(3)",
    "save without a name": NET + "n.save()",
    "save is whole": NET + """
n.save('w.caffemodel'); m = caffe.proto.caffe_pb2.NetParameter()
m.ParseFromString(open('w.caffemodel', 'rb').read())
r = [m.name, [l.name for l in m.layer], [len(l.blobs) for l in m.layer],
     list(m.layer[1].blobs[0].shape.dim), len(m.layer[1].blobs[0].diff)]""",
    "hdf5": NET + """
n.params['ip'][0].data[...] = 3; r = [n.save_hdf5('w.h5')]
m = caffe.Net('net.prototxt', caffe.TEST); r.append(m.load_hdf5('w.h5'))
r.append(m.params['ip'][0].data)""",
    "hdf5 by copy_from": NET + """
n.params['ip'][0].data[...] = 3; n.save_hdf5('w.caffemodel.h5')
m = caffe.Net('net.prototxt', caffe.TEST); m.copy_from('w.caffemodel.h5')
r = m.params['ip'][0].data""",
    "hdf5 by the constructor": NET + """
n.params['ip'][0].data[...] = 3; n.save_hdf5('w.h5')
r = caffe.Net('net.prototxt', caffe.TEST, weights='w.h5').params['ip'][0].data""",
    "share_with": NET + """
m = caffe.Net('net.prototxt', caffe.TEST); r = [m.share_with(n)]
n.params['ip'][0].data[...] = 4; n.params['ip'][0].diff[...] = 2
r += [m.params['ip'][0].data, m.params['ip'][0].diff[0, 0],
      np.shares_memory(m.params['ip'][0].data, n.params['ip'][0].data)]""",
    "share_with of another net": NET + """
caffe.Net('phases.prototxt', caffe.TEST).share_with(n); r = 'well'""",
    "share_with text": NET + "n.share_with('net')",
}

ARRAYS = """
d, l = np.arange(16, dtype=np.float32).reshape(4, 1, 2, 2), np.arange(4, dtype=np.float32)
"""
INPUT_ARRAYS = {
    "set_input_arrays": MEMORY + ARRAYS + """
r = [n.set_input_arrays(d, l), n.forward()['flat'].copy(), n.blobs['label'].data.copy(),
     n.forward()['flat'].copy(), n.forward()['flat'].copy()]""",
    "labels of four axes": MEMORY + ARRAYS + """
n.set_input_arrays(d, l.reshape(4, 1, 1, 1)); n.forward(); r = n.blobs['label'].data""",
    "no MemoryData": NET + ARRAYS + "n.set_input_arrays(d, l)",
    "float64": MEMORY + ARRAYS + "n.set_input_arrays(d.astype(float), l)",
    "labels of ints": MEMORY + ARRAYS + "n.set_input_arrays(d, l.astype(int))",
    "not contiguous": MEMORY + ARRAYS + "n.set_input_arrays(d[..., ::-1], l)",
    "three axes": MEMORY + ARRAYS + "n.set_input_arrays(d[0], l)",
    "channels": MEMORY + ARRAYS + "n.set_input_arrays(np.zeros((4, 2, 2, 2), np.float32), l)",
    "height": MEMORY + ARRAYS + "n.set_input_arrays(np.zeros((4, 1, 3, 2), np.float32), l)",
    "width": MEMORY + ARRAYS + "n.set_input_arrays(np.zeros((4, 1, 2, 3), np.float32), l)",
    "labels of two axes": MEMORY + ARRAYS + "n.set_input_arrays(d, l.reshape(4, 1))",
    "labels too few": MEMORY + ARRAYS + "n.set_input_arrays(d, l[:2])",
    "no whole batches": MEMORY + ARRAYS + "n.set_input_arrays(d[:3], l[:3])",
    "lists": MEMORY + ARRAYS + "n.set_input_arrays(d.tolist(), l.tolist())",
}

CALLBACKS = {
    "before and after": NET + """
r = []
n.before_forward(lambda i: r.append(('bf', i))); n.after_forward(lambda i: r.append(('af', i)))
n.before_backward(lambda i: r.append(('bb', i))); n.after_backward(lambda i: r.append(('ab', i)))
n.forward(); n.backward()""",
    "of a part": NET + """
r = []; n.after_forward(r.append); n.before_backward(r.append)
n.forward(start='ip', end='relu'); n.backward(start='relu', end='ip')""",
    "gives": NET + "r = n.before_forward(print)",
    "two": NET + """
r = []; n.before_forward(lambda i: r.append(i)); n.before_forward(lambda i: r.append(-i))
n.forward(end='ip')""",
    "that raises": NET + """
def bad(i): raise KeyError(i)
n.before_forward(bad); n.forward()""",
    "backward of what has none": NET + """
r = []; n.after_backward(r.append); n.forward(); n.backward()""",
    "that is none": NET + "n.before_forward(); ",
}

MODULE = {
    "names": """
r = [name for name in '''Net SGDSolver NesterovSolver AdaGradSolver RMSPropSolver AdaDeltaSolver
AdamSolver NCCL Timer init_log log set_mode_cpu set_mode_gpu set_device Layer get_solver
layer_type_list set_random_seed solver_count set_solver_count solver_rank set_solver_rank
set_multiprocess has_nccl __version__ TRAIN TEST Classifier Detector io layers params NetSpec
to_proto pycaffe _caffe net_spec classifier detector proto'''.split()
     if not hasattr(caffe, name)]""",
    "phases": "r = caffe.TRAIN, caffe.TEST",
    "version": "r = caffe.__version__",
    "types": "r = list(caffe.layer_type_list())",
    "types kind": "r = type(caffe.layer_type_list()).__name__",
    "counts": "r = caffe.solver_count(), caffe.solver_rank(), caffe.has_nccl()",
    "set counts": """
caffe.set_solver_count(2); caffe.set_solver_rank(1); r = [caffe.solver_count(), caffe.solver_rank()]
caffe.set_solver_count(1); caffe.set_solver_rank(0)""",
    "set count text": "caffe.set_solver_count('2')",
    "multiprocess": "r = caffe.set_multiprocess(True), caffe.set_multiprocess(False)",
    "log": "r = caffe.log('hello')",
    "level by text": "caffe.init_log('a')",
    "log a number": "caffe.log(5)",
    "seed": "r = caffe.set_random_seed(7)",
    "seed below zero": "caffe.set_random_seed(-1)",
    "seed of 32 bits": "r = caffe.set_random_seed(2 ** 32 - 1)",
    "seed of 33 bits": "caffe.set_random_seed(2 ** 32)",
    "seed of 65 bits": "caffe.set_random_seed(2 ** 64)",
    "seed true": "r = caffe.set_random_seed(True)",
    "seed text": "caffe.set_random_seed('7')",
    "seed repeats": """
open('g.prototxt', 'w').write('''
layer { name: "d" type: "DummyData" top: "d"
  dummy_data_param { shape { dim: 5 } data_filler { type: "gaussian" } } }''')
def draw():
    caffe.set_random_seed(3)
    return caffe.Net('g.prototxt', 0).forward()['d'].copy()
r = bool((draw() == draw()).all())""",
    "cpu": "r = caffe.set_mode_cpu()",
    "cpu with an argument": "caffe.set_mode_cpu(1)",
    "device text": "caffe.set_device('0')",
    "timer": """
t = caffe.Timer(); r = [t.start(), t.stop(), t.ms >= 0, type(t.ms).__name__]""",
    "nccl": "caffe.NCCL()",
    "nccl uid": "r = hasattr(caffe.NCCL, 'new_uid')",
    "private module": """
from caffe import _caffe
r = [_caffe.Net is caffe.Net, _caffe.__version__ == caffe.__version__,
     [k for k in '''Blob BlobVec RawBlobVec LayerVec StringVec IntVec DtypeVec NetVec BoolVec
     Solver SolverParameter LayerParameter'''.split() if not hasattr(_caffe, k)]]""",
    "pycaffe module": "import caffe.pycaffe; r = caffe.pycaffe.Net is caffe.Net",
    "pycaffe names": """
import caffe.pycaffe as p
names = 'Net SGDSolver AdamSolver NCCL Timer OrderedDict np'.split()
r = [k for k in names if not hasattr(p, k)]""",
    "io": "import caffe.io; r = caffe.io is not None",
    "a vector": """
from caffe._caffe import IntVec, StringVec
v = IntVec(); v.append(3); v.extend([4, 5]); v[0] = 1; del v[1]
r = [list(v), len(v), 5 in v, v[-1], StringVec.__name__]""",
    "a vector out of range": "from caffe._caffe import IntVec; IntVec()[0]",
    "BlobVec alone": """
from caffe._caffe import BlobVec
v = BlobVec(); v.add_blob(2, 2); v.append(v[0]); r = [len(v), list(v[1].shape)]""",
    "layer of nothing": "caffe.Layer()",
    "pb2": """
from caffe.proto import caffe_pb2
r = [caffe_pb2.TRAIN, caffe_pb2.Phase.Name(1), caffe_pb2.LayerParameter(name='a').name,
     caffe_pb2.PoolingParameter.AVE, caffe_pb2.V1LayerParameter.CONVOLUTION,
     caffe_pb2.SolverParameter.GPU, caffe_pb2.NetParameter.DESCRIPTOR.full_name]""",
    "text_format": """
from google.protobuf import text_format
m = caffe.proto.caffe_pb2.NetParameter(); text_format.Merge(open('net.prototxt').read(), m)
r = [m.name, len(m.layer), m.layer[1].inner_product_param.num_output, str(m.layer[2])]""",
}

SOLVERS = {
    "parts": SOLVER + "r = s.iter, list(s.net.blobs)[:2], len(s.test_nets), s.lr",
    "param": SOLVER + """
p = s.param; r = [p.max_iter, p.display, p.layer_wise_reduce, p.base_lr, type(p).__name__]""",
    "param set": SOLVER + "s.param.base_lr = 0.5; s.step(1); r = s.param.base_lr, s.lr",
    "param read only": SOLVER + "s.param.max_iter = 3",
    "step": SOLVER + "r = [s.step(3), s.iter, s.lr, s.net.params['ip'][0].data]",
    "step text": SOLVER + "s.step('3')",
    "step a fraction": SOLVER + "s.step(1.5)",
    "step nothing": SOLVER + "s.step()",
    "solve": SOLVER + "r = s.solve(), s.iter",
    "solve from no text": SOLVER + "s.solve(3)",
    "snapshot": SOLVER + """
s.step(2); r = [s.snapshot(), os.path.exists('shot_iter_2.solverstate')]
t = caffe.get_solver('solver.prototxt'); r += [t.restore('shot_iter_2.solverstate'), t.iter]
s.step(1); t.step(1)
r.append(bool((s.net.params['ip'][0].data == t.net.params['ip'][0].data).all()))
u = caffe.get_solver('solver.prototxt'); u.solve('shot_iter_2.solverstate'); r.append(u.iter)""",
    "callbacks": SOLVER + """
r = []; r.append(s.add_callback(lambda: r.append('start'), lambda: r.append('ready')))
s.step(2)""",
    "callback alone": SOLVER + "s.add_callback(print)",
    "apply_update": SOLVER + """
s.net.params['ip'][0].data[...] = 0; s.net.params['ip'][0].diff[...] = 1
r = [s.apply_update(), s.net.params['ip'][0].data, s.iter]""",
    "share_weights": SOLVER + """
n = caffe.Net('net.prototxt', 1); r = [s.share_weights(n)]
r.append(np.shares_memory(n.params['ip'][0].data, s.net.params['ip'][0].data))""",
    "test nets": SOLVER + """
r = [type(s.test_nets).__name__, list(s.test_nets[0].blobs)[:1], s.test_nets[0].outputs]""",
    "no test net": SOLVER + "s.test_nets[1]",
    "no file": "caffe.SGDSolver()",
    "file a number": "caffe.get_solver(3)",
    "same net": SOLVER + "s.net.mine = 1; r = type(s.net).__name__, isinstance(s.net, caffe.Net)",
    "kinds": SOLVER + """
r = [type(caffe.get_solver('solver.prototxt')).__name__, isinstance(s, caffe._caffe.Solver),
     issubclass(caffe.NesterovSolver, caffe.SGDSolver)]""",
    "iter is read only": SOLVER + "s.iter = 3",
    "net after the solver": SOLVER + "n = s.net; del s; r = n.forward()['loss']",
}
