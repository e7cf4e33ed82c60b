"""Real Caffe's own figure: run in its Python, ``caffe_memory.py nets.json``.

The file holds a list of [prototxt text, phase number]. The last line on stdout is a list of the
bytes that the log says are required for data, the whole net's: the last that each net logs.
"""

import json
import os
import re
import sys
import tempfile

import caffe


def logged(path, text, phase):
    with open(path, "w") as file:
        file.write(text)
    with tempfile.TemporaryFile() as err:
        saved = os.dup(2)
        os.dup2(err.fileno(), 2)
        try:
            caffe.Net(path, phase)
        finally:
            os.dup2(saved, 2)
            os.close(saved)
        err.seek(0)
        return int(re.findall(rb"Memory required for data: (\d+)", err.read())[-1])


with open(sys.argv[1]) as file, tempfile.TemporaryDirectory() as folder:
    print(json.dumps([logged(folder + "/net.prototxt", *net) for net in json.load(file)]))
