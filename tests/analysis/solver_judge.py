"""Real Caffe judges solvers: run in its own Python, ``solver_judge.py jobs.json``, in their folder.

The file holds a list of [solver text, iterations]. The last line on stdout is a list with one
entry each: {"weights": [value after each iteration]} of the net's first parameter, or
{"refused": last words}.
"""

import json
import os
import sys
import tempfile

import caffe

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fork_judge import judged


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


with open(sys.argv[1]) as file:
    print(json.dumps([judged(train, *job) for job in json.load(file)]))
