"""Real Caffe judges nets: run in its own Python, ``caffe_judge.py nets.json``.

The file holds a list of [prototxt text, phase number, level, stages]; the last two may lack. The
last line on stdout is a list with one entry per net: {"blobs": {name: shape}, "params":
{layer: [shape]}, "layers": [name], "outputs": [name]}, or {"refused": last words}. A refusal
aborts the process, so each net is loaded in a fork, which may leave its file behind; its stderr is
read back.
"""

import json
import os
import sys
import tempfile

import caffe


def load(path, text, phase, level=0, stages=()):
    with open(path, "w") as file:
        file.write(text)
    net = caffe.Net(path, phase, level=level, stages=list(stages))
    return {
        "blobs": {name: list(blob.shape) for name, blob in net.blobs.items()},
        "params": {name: [list(blob.shape) for blob in blobs]
                   for name, blobs in net.params.items()},
        "layers": list(net._layer_names),
        "outputs": list(net.outputs),
    }


def child(path, net, out, err):
    os.dup2(err, 2)
    try:
        answer = json.dumps(load(path, *net))
    except Exception as error:
        answer = json.dumps({"refused": str(error)})
    with os.fdopen(out, "w") as pipe:
        pipe.write(answer)
    os._exit(0)


def judge(path, net):
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            child(path, net, writer, err.fileno())
        os.close(writer)
        with os.fdopen(reader) as pipe:
            answer = pipe.read()
        os.waitpid(pid, 0)
        if answer:
            return json.loads(answer)
        err.seek(0)
        words = [line for line in err.read().decode(errors="replace").splitlines()
                 if line.startswith("F") or "libprotobuf ERROR" in line]
        return {"refused": words[-1] if words else "died without a word"}


with open(sys.argv[1]) as file, tempfile.TemporaryDirectory() as folder:
    print(json.dumps([judge(folder + "/net.prototxt", net) for net in json.load(file)]))
