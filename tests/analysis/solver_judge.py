"""Real Caffe judges solvers: run in its own Python, ``solver_judge.py jobs.json``, in their folder.

The file holds a list of [solver text, iterations]. The last line on stdout is a list with one
entry each: {"weights": [value after each iteration]} of the net's first parameter, or
{"refused": last words}. A refusal aborts the process, so each runs in a fork.
"""

import json
import os
import sys
import tempfile

import caffe


def train(text, iterations):
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt", dir=".", delete=False) as file:
        file.write(text)
    solver = caffe.get_solver(file.name)
    weights = []
    for _ in range(iterations):
        solver.step(1)
        first = next(iter(solver.net.params.values()), None)
        weights.append(float(first[0].data.flat[0]) if first else None)
    return {"weights": weights}


def child(job, out, err):
    os.dup2(err, 2)
    try:
        answer = json.dumps(train(*job))
    except Exception as error:
        answer = json.dumps({"refused": str(error)})
    with os.fdopen(out, "w") as pipe:
        pipe.write(answer)
    os._exit(0)


def judge(job):
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            child(job, writer, err.fileno())
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


with open(sys.argv[1]) as file:
    print(json.dumps([judge(job) for job in json.load(file)]))
