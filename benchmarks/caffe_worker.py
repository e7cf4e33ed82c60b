"""Real Caffe under measurement, in its own Python: ``caffe_worker.py net.prototxt``.

For each line on stdin it runs one pass forward and backward, and writes the seconds.
"""

import sys
import time

import caffe

net = caffe.Net(sys.argv[1], caffe.TRAIN)
for name in net.inputs:
    net.blobs[name].data[...] = 0.5
for _ in sys.stdin:
    begin = time.perf_counter()
    net.forward()
    net.backward()
    print(time.perf_counter() - begin, flush=True)
