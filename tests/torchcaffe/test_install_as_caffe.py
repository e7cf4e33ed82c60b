"""install_as_caffe; ``python -m netbuilder.torchcaffe script.py`` beside ``python script.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.torch

IMPORTS = """
import caffe
import caffe as caffe_too, caffe.io, caffe.net_spec, caffe.pycaffe, caffe._caffe
import caffe.classifier, caffe.detector, caffe.draw, caffe.coord_map
import caffe.proto.caffe_pb2 as pb2
from caffe import layers as L, params as P, Net, to_proto
from caffe.coord_map import crop
from caffe.io import Transformer
from caffe.net_spec import NetSpec
from caffe.proto import caffe_pb2
from caffe.proto.caffe_pb2 import NetParameter
from caffe.pycaffe import SGDSolver
import importlib
import netbuilder.torchcaffe, netbuilder.torchcaffe.draw

assert caffe is caffe_too is importlib.import_module("caffe") is netbuilder.torchcaffe
assert caffe.draw is netbuilder.torchcaffe.draw and caffe.draw.__spec__.name.endswith("e.draw")
assert pb2 is caffe_pb2 is caffe.proto.caffe_pb2 and NetParameter is caffe_pb2.NetParameter
assert Net is caffe.Net is caffe._caffe.Net is caffe.pycaffe.Net
assert SGDSolver is caffe.SGDSolver and NetSpec is caffe.NetSpec is caffe.net_spec.NetSpec
assert Transformer is caffe.io.Transformer and L is caffe.layers
n = caffe.NetSpec()
n.data = L.Input(shape=dict(dim=[1, 3, 8, 8]))
n.pool = L.Pooling(n.data, pool=P.Pooling.AVE, global_pooling=True)
open("net.prototxt", "w").write(str(n.to_proto()))
net = caffe.Net("net.prototxt", caffe.TEST)
net.blobs["data"].data[...] = 3
print(net.forward()["pool"].ravel())
try:
    import caffe.nothing
except ModuleNotFoundError as error:
    print(error)
"""

SAME = {  # scripts that know nothing of caffe: all must be as without us
    "well": """# coding: latin-1
'''Words.'''
import __main__, atexit, multiprocessing, neighbour, pickle, sys

print(sys.argv, sys.path[0], __name__, __file__, __package__, __spec__, __doc__, __loader__.name)
print(sorted(vars()), __builtins__, __main__.__dict__ is globals(), ascii('\xe4'), input())


class A: pass


def twice(x):
    return 2 * x


print(type(pickle.loads(pickle.dumps(A()))) is A)
print(multiprocessing.get_context("fork").Pool(1).map(twice, [1, 2]))
atexit.register(lambda: print(twice(4)))
sys.exit(3)
""",
    "exit with words": "import sys\nprint('before')\nsys.exit('words')",
    "error in an error": """
import neighbour
try:
    neighbour.fail()
except ZeroDivisionError as error:
    raise ValueError from error
""",
    "syntax": "def f(:\n    pass",
    "interrupted": "def f():\n    raise KeyboardInterrupt\n\n\nf()",
    "own hook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__)\n1 / 0",
}


def python(*arguments: str, cwd: Path, **env: str) -> tuple[int, str, str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GLOG_minloglevel": "3", **env}
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, input="typed\n",
                          capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def ours(*arguments: str, cwd: Path, **env: str) -> tuple[int, str, str]:
    return python("-m", "netbuilder.torchcaffe", *arguments, cwd=cwd, **env)


def test_every_import_of_caffe_finds_us(tmp_path):
    (tmp_path / "script.py").write_text(IMPORTS)
    code, out, log = ours("script.py", cwd=tmp_path)
    assert (code, log) == (0, "")
    assert out.splitlines() == ["[3. 3. 3.]", "No module named 'caffe.nothing'"]


def test_install_as_caffe_does_the_same(tmp_path):
    first = "import netbuilder.torchcaffe as c\nc.install_as_caffe()\nc.install_as_caffe()\n"
    (tmp_path / "script.py").write_text(first + IMPORTS)
    code, out, log = python("script.py", cwd=tmp_path)
    assert (code, log, out.splitlines()[0]) == (0, "", "[3. 3. 3.]")


def test_another_caffe_is_not_replaced(tmp_path):
    (tmp_path / "caffe.py").write_text("")
    (tmp_path / "script.py").write_text(
        "import caffe, netbuilder.torchcaffe as ours\n"
        "try:\n    ours.install_as_caffe()\nexcept RuntimeError as error:\n    print(error)\n")
    code, out, _ = python("script.py", cwd=tmp_path)
    assert code == 0
    assert "another caffe, " in out and "caffe.py" in out


def test_a_caffe_beside_the_script_is_not_taken(tmp_path):
    (tmp_path / "caffe.py").write_text("")
    (tmp_path / "script.py").write_text("import caffe; print(caffe.Net.__name__)")
    assert ours("script.py", cwd=tmp_path) == (0, "Net\n", "")


@pytest.mark.parametrize("name", SAME)
def test_a_script_runs_as_under_python(name, tmp_path):
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "script.py").write_bytes(SAME[name].encode("latin-1"))
    (folder / "neighbour.py").write_text("print(__file__)\n\n\ndef fail():\n    1 / 0\n")
    arguments = "scripts/script.py", "-x", "--solver=a b"
    assert ours(*arguments, cwd=tmp_path) == python(*arguments, cwd=tmp_path)


def test_a_folder_or_a_module_runs_as_under_python(tmp_path):
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "__main__.py").write_text("import sys, side; print(sys.argv, __name__)")
    (tmp_path / "tool" / "side.py").write_text("print(__file__)")
    (tmp_path / "module.py").write_text("import sys; print(sys.argv, sys.path[0]); 1 / 0")
    assert ours("tool", "a", cwd=tmp_path) == python("tool", "a", cwd=tmp_path)
    code, out, log = ours("-m", "module", "a", cwd=tmp_path)
    theirs = python("-m", "module", "a", cwd=tmp_path)
    assert (code, out) == theirs[:2]
    assert log.splitlines()[-1] == theirs[2].splitlines()[-1] and "division by zero" in log
    assert "torchcaffe" not in log


def test_what_cannot_run_says_so(tmp_path):
    code, out, log = ours(cwd=tmp_path)
    assert (code, out) == (2, "") and log.startswith("usage: python -m netbuilder.torchcaffe")
    assert ours("nowhere.py", cwd=tmp_path) == python("nowhere.py", cwd=tmp_path)


def test_a_script_says_how_much_the_log_tells(tmp_path):
    (tmp_path / "script.py").write_text("""
import os
os.environ["GLOG_minloglevel"] = "1"
import caffe
caffe.log("too quiet")
os.environ["GLOG_minloglevel"] = "0"
caffe.log("heard")
caffe.init_log()
caffe.init_log(2, True)
caffe.log("too quiet again")
""")
    code, _, log = ours("script.py", cwd=tmp_path)
    assert code == 0
    assert log.startswith("I") and log.endswith("script.py:7] heard\n") and log.count("\n") == 1
