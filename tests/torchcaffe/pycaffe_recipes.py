"""What scripts for pycaffe are written for: dreams, surgery, features, training by hand."""

from __future__ import annotations

DEEP = """
open('deep.prototxt', 'w').write('''
name: "deep" force_backward: true
layer { name: "data" type: "Input" top: "data"
  input_param { shape { dim: 2 dim: 1 dim: 6 dim: 6 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 3 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "side" type: "InnerProduct" bottom: "pool" top: "side"
  inner_product_param { num_output: 2 } }
layer { name: "flat" type: "Flatten" bottom: "pool" top: "flat" }
layer { name: "fc" type: "InnerProduct" bottom: "flat" top: "fc"
  inner_product_param { num_output: 4 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }''')
def wave(*shape):
    return np.sin(np.arange(np.prod(shape)) * 1.7).reshape(shape).astype(np.float32)
def fill(net):
    for blobs in net.params.values():
        for blob in blobs:
            blob.data[...] = wave(*blob.shape)
    return net
n = fill(caffe.Net('deep.prototxt', caffe.TEST)); x = wave(2, 1, 6, 6)
"""
TRAIN = """
s = caffe.get_solver('solver.prototxt')
s.net.params['ip'][0].data[...] = [[.1, -.2], [.3, .4], [-.5, .6]]
"""

RECIPES = {
    "dream": DEEP + """
src, end = n.blobs['data'], 'pool'
src.data[...] = x
for _ in range(3):
    n.forward(end=end); n.blobs[end].diff[:] = n.blobs[end].data; n.backward(start=end)
    g = src.diff[0]; src.data[:] += 0.1 / np.abs(g).mean() * src.diff
r = [src.data[0], n.blobs['conv'].diff[1]]""",
    "saliency": DEEP + """
n.forward(data=x); top = np.zeros((2, 4)); top[:, 1] = 1
r = [n.backward(prob=top, side=np.zeros((2, 2)))['data'][0], n.blobs['flat'].diff,
     n.blobs['pool'].diff]""",
    "surgery: a classifier over the image": DEEP + """
text = open('deep.prototxt').read()
text = text[:text.index('layer { name: "side"')] + '''
layer { name: "fc-conv" type: "Convolution" bottom: "pool" top: "map"
  convolution_param { num_output: 4 kernel_size: 2 } }'''
open('full.prototxt', 'w').write(text); n.save('deep.caffemodel')
m = caffe.Net('full.prototxt', 'deep.caffemodel', caffe.TEST)
m.params['fc-conv'][0].data.flat = n.params['fc'][0].data.flat
m.params['fc-conv'][1].data[...] = n.params['fc'][1].data
m.blobs['data'].reshape(1, 1, 8, 10)
r = [m.forward(data=wave(1, 1, 8, 10))['map'], n.forward(data=x, end='fc')['fc'],
     m.blobs['pool'].data.shape]""",
    "surgery: edges": DEEP + """
n.params['conv'][0].data[...] = 0; n.params['conv'][0].data[1, 0] = [[-1, 0, 1]] * 3
n.params['conv'][1].data[1] = .5; n.params['conv'][0].data[...] *= 2; n.params['fc'][0].data[2] += 1
r = [n.forward(data=x)['prob'], n.blobs['conv'].data[0, 1]]""",
    "features of images of many sizes": DEEP + """
r = []
for size in 6, 9, 4, 7:
    try:
        n.blobs['data'].reshape(1, 1, size, 6); n.blobs['data'].data[...] = wave(1, 1, size, 6)
        n.forward(end='pool'); r.append(n.blobs['pool'].data.copy())
    except ValueError as error:
        r.append('no')""",
    "one batch after the other": DEEP + """
r = []
for size in 5, 1, 2:
    n.blobs['data'].reshape(size, 1, 6, 6); n.reshape()
    np.copyto(n.blobs['data'].data, wave(size, 1, 6, 6)); r.append(n.forward()['prob'].copy())""",
    "an image at a time": DEEP + """
n.blobs['data'].data[0] = x[1]; n.blobs['data'].data[1, 0, ...] = 0
r = n.forward()['prob'].argmax(1)
r = [r.tolist(), n.blobs['conv'].data[0, 2]]""",
    "start in the middle": DEEP + """
n.forward(data=x); n.blobs['pool'].data[...] = 1; a = n.forward(start='side')
n.blobs['flat'].data[...] = 2; b = n.forward(start='fc'); r = [sorted(a.items()), b['prob'],
n.blobs['pool'].data]""",
    "start at the split": DEEP + """
n.forward(data=x); n.blobs['pool'].data[...] = 1
r = sorted(n.forward(start='pool_pool_0_split').items())""",
    "gradients by hand": DEEP + """
n.forward(data=x); n.blobs['fc'].diff[...] = wave(2, 4); n.backward(start='fc')
r = [n.params['fc'][0].diff[0], n.params['conv'][0].diff, n.blobs['data'].diff[1]]""",
    "a backward between layers": DEEP + """
n.forward(data=x); n.blobs['flat'].diff[...] = 1; n.blobs['side'].diff[...] = 0
r = n.backward(start='flat', end='conv')['data'], n.params['side'][0].diff""",
    "a changed value counts backward": DEEP + """
n.forward(data=x); n.blobs['flat'].data[...] = 3; n.blobs['fc'].diff[...] = 1
n.backward(start='fc', end='fc'); r = n.params['fc'][0].diff[0], n.blobs['flat'].diff[0]""",
    "changed weights count backward": DEEP + """
n.forward(data=x); n.params['fc'][0].data[...] = 2; n.blobs['fc'].diff[...] = 1
n.backward(start='fc', end='fc'); r = n.blobs['flat'].diff""",
    "held arrays over a training": TRAIN + """
n = s.net; held = [n.params['ip'][0].data, n.params['ip'][0].diff, n.blobs['ip'].data,
                   n.blobs['data'].diff, n.blobs['loss'].data]
s.step(3); n.blobs['ip'].data; s.step(2); r = held""",
    "held arrays and files": TRAIN + """
held = s.net.params['ip'][0].data; s.step(1); s.snapshot(); s.step(2); r = [held.copy()]
s.restore('shot_iter_1.solverstate'); r += [held.copy(), s.iter]; s.step(1); r.append(held)""",
    "training by hand": TRAIN + """
r = []
for _ in range(3):
    s.net.clear_param_diffs(); s.net.forward(); s.net.backward()
    for blobs in s.net.params.values():
        for blob in blobs: blob.diff[...] *= 0.5
    s.apply_update(); r.append(float(s.net.blobs['loss'].data))
r += [s.iter, s.lr, s.net.params['ip'][0].data]""",
    "a loss curve": TRAIN + """
r = []
for i in range(4):
    s.step(1); r.append(float(s.net.blobs['loss'].data))
    if i % 2: s.test_nets[0].forward(); r.append(s.test_nets[0].blobs['loss'].data.item())""",
    "testing by hand": TRAIN + """
t = s.test_nets[0]; s.step(2); t.share_with(s.net)
r = [t.forward()['prob'], np.shares_memory(t.params['ip'][0].data, s.net.params['ip'][0].data)]""",
    "two solvers of one start": TRAIN + """
s.net.save('start.caffemodel'); t = caffe.get_solver('solver.prototxt')
t.net.copy_from('start.caffemodel'); s.step(2); t.step(2)
r = bool((s.net.params['ip'][0].data == t.net.params['ip'][0].data).all())""",
    "gradients looked at before the update": TRAIN + """
r = []; s.add_callback(lambda: None, lambda: r.append(s.net.params['ip'][1].diff.copy()))
s.step(3)""",
    "gradients changed before the update": TRAIN + """
def clip(): s.net.params['ip'][0].diff[...] = np.clip(s.net.params['ip'][0].diff, -.01, .01)
s.add_callback(lambda: None, clip); s.step(3); r = s.net.params['ip'][0].data""",
    "weights changed between steps": TRAIN + """
s.step(1); s.net.params['ip'][0].data[...] = 0; s.step(1)
r = s.net.params['ip'][0].data, s.net.blobs['prob'].data[0]""",
    "a frozen copy": TRAIN + """
n = caffe.Net('net.prototxt', caffe.TEST); n.share_with(s.net); s.step(2)
s.net.save('now.caffemodel'); m = caffe.Net('net.prototxt', 'now.caffemodel', caffe.TEST)
r = [n.forward()['prob'][0], m.forward()['prob'][0]]; s.step(1); r += [n.params['ip'][0].data,
m.params['ip'][0].data]""",
    "a view overwritten in place": """
open('view.prototxt', 'w').write('''
force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 dim: 2 } } }
layer { name: "flat" type: "Flatten" bottom: "x" top: "flat" }
layer { name: "relu" type: "ReLU" bottom: "flat" top: "flat" }
layer { name: "power" type: "Power" bottom: "x" top: "power" power_param { scale: 2 } }
layer { name: "after" type: "Power" bottom: "flat" top: "after" }''')
n = caffe.Net('view.prototxt', caffe.TEST); n.blobs['x'].data.flat = [1, -2, 3, -4]
r = sorted(n.forward().items()) + [n.blobs['x'].data]
r.append(n.backward(power=np.ones((1, 2, 2)), after=np.ones((1, 4))))""",
}
