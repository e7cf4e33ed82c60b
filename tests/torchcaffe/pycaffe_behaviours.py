"""Small scripts for pycaffe, each of which leaves what it saw in ``r``.

Real Caffe runs them too (test_pycaffe_against_caffe.py), so none may make it abort.
"""

from __future__ import annotations

from pycaffe_errors import IMAGES, PYTHON_LAYERS, VALUES, VECTORS
from pycaffe_nets import ALL, CONSTRUCTORS, PARTS, RUNNING
from pycaffe_objects import OWN_LAYERS, PICKLES, SPECS, VECTORS_AS_OBJECTS
from pycaffe_recipes import RECIPES
from pycaffe_rest import BLOBS, CALLBACKS, FILES_OF_NETS, INPUT_ARRAYS, MODULE, SOLVERS

GROUPS = {
    "constructors": CONSTRUCTORS, "parts": PARTS, "running": RUNNING, "all": ALL, "blobs": BLOBS,
    "files": FILES_OF_NETS, "input arrays": INPUT_ARRAYS, "callbacks": CALLBACKS,
    "module": MODULE, "solvers": SOLVERS, "recipes": RECIPES,
    "values": VALUES, "vectors": VECTORS, "python layers": PYTHON_LAYERS, "images": IMAGES,
    "vectors as objects": VECTORS_AS_OBJECTS, "pickles": PICKLES, "own layers": OWN_LAYERS,
    "specs": SPECS,
}
SNIPPETS = {f"{group}: {name}": source for group, table in GROUPS.items()
            for name, source in table.items()}

# Errors whose words are pycaffe's own, written in Python: ours begin with them.
WORDED = [
    "running: forward lacks an input", "running: forward not batch sized",
    "running: backward fills too little", "running: backward not batch sized",
    "running: forward wrong shape", "images: mean of four channels", "images: mean of four axes",
    "images: transpose of two axes", "images: swap of two channels", "images: no input",
    "images: datum of two axes", "own layers: no forward",
]

# Where ours differs on purpose: it does more.
WIDER = {
    "blobs: shape kind": "a tuple in place of a vector of ints, as numpy's shape is",
    "blobs: shape is not a tuple": "the same",
    "blobs: shape plus": "the same",
    "blobs: shape is a copy": "the same: nothing can be written into it",
    "blobs: reshape numpy int": "whatever is a whole number will do",
    "blobs: a blob alone": "caffe.Blob is there, for those who want one",
    "blobs: _caffe.Blob of a shape": "the same",
    "parts: kinds": "the class of a layer has another name",
    "running: forward blobs tuple": "any sequence of names",
    "module: nccl uid": "with one solver NCCL has nothing to do, and does it",
    "solvers: param read only": "the whole message, every field of which can be set",
    "solvers: iter is read only": "it can be set",
}
