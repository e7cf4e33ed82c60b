"""Finding engines, trying them, and what is said when one dies."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time

import pytest

from netbuilder.errors import CaffeCrashed, EngineError, EngineNotFound
from netbuilder.train import engines
from netbuilder.train.engines import (
    VARIABLE,
    Engine,
    find_engine,
    interpreter_engine,
    last_words,
    probe,
)

FAKE_CAFFE = """
import os
import sys
__version__ = "1.0.0-fake"
def layer_type_list(): return ["ReLU", "Split"]
def set_device(number):
    if os.environ.get("FAKE") == "cpu":
        sys.stderr.write("F1120 11:57:35.751462 16059 common.cpp:66] Cannot use GPU\\n")
        os.abort()
def set_mode_gpu(): pass
"""


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without real Caffe."""
    monkeypatch.setenv("NETBUILDER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(engines, "_system_python", lambda: None)
    return tmp_path


def make_root(folder):
    for place in ("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "usr/bin/python3"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text("#!/bin/sh\n")
    return folder


@pytest.fixture
def fake(tmp_path):
    """This Python with a module ``caffe`` that answers like pycaffe."""
    (tmp_path / "caffe").mkdir()
    (tmp_path / "caffe/__init__.py").write_text(FAKE_CAFFE)
    return Engine("caffe", (sys.executable,), "caffe", {"PYTHONPATH": str(tmp_path)})


def test_the_embedded_engine_is_this_python():
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    engine = find_engine("torchcaffe")
    assert (engine.command, engine.module) == ((sys.executable,), "netbuilder.torchcaffe")


def test_without_torch_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineNotFound, match=r'pip install "netbuilder\[train\]"'):
        find_engine("torchcaffe")


def test_an_unknown_engine_names_the_known_ones():
    with pytest.raises(EngineNotFound, match=r'no engine is called "cafe".*did you mean "caffe"'):
        find_engine("cafe")


def test_looking_for_an_engine_imports_nothing_heavy():
    script = "import netbuilder.train.engines, netbuilder.train.install, sys; print(*sys.modules)"
    loaded = subprocess.check_output((sys.executable, "-c", script), text=True).split()
    assert not {"torch", "numpy", "click", "jinja2"} & set(loaded)


def test_without_real_caffe_it_says_where_it_looked_and_what_to_do(nowhere):
    with pytest.raises(EngineNotFound) as caught:
        find_engine("caffe")
    for words in ("--caffe", VARIABLE, str(nowhere / "cache/caffe-bullseye"), "caffe install"):
        assert words in str(caught.value)


def test_the_places_in_their_order(nowhere, monkeypatch):
    monkeypatch.setattr(engines, "_system_python", lambda: "true system")
    found = [find_engine("caffe").command]
    make_root(nowhere / "cache/caffe-bullseye")
    found.append(find_engine("caffe").command[-1:])
    monkeypatch.setenv(VARIABLE, "true variable")
    found.append(find_engine("caffe").command)
    found.append(find_engine("caffe", "true option").command)
    assert found == [
        ("true", "system"), (str(nowhere / "cache/caffe-bullseye/usr/bin/python3"),),
        ("true", "variable"), ("true", "option"),
    ]


def test_a_place_that_is_named_but_wrong_is_not_passed_over(nowhere):
    make_root(nowhere / "cache/caffe-bullseye")
    with pytest.raises(EngineNotFound, match="neither a root folder nor a command"):
        find_engine("caffe", "no-such-python -x")


def test_a_systems_python_with_caffe_is_found(tmp_path, monkeypatch):
    python = tmp_path / "bin dir" / "python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("NETBUILDER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "caffe").mkdir()  # as a checkout of Caffe's source: no module yet
    assert all(found != f"'{python}'" for _, found in engines.places())
    (tmp_path / "caffe/__init__.py").write_text(FAKE_CAFFE)
    assert find_engine("caffe").command == (str(python),)


def test_a_root_folder_runs_through_its_own_loader(tmp_path):
    root = make_root(tmp_path / "root")
    engine = interpreter_engine(str(root))
    libraries = root / "usr/lib/x86_64-linux-gnu"
    assert engine.command == (
        str(libraries / "ld-linux-x86-64.so.2"), "--inhibit-cache", "--library-path",
        f"{libraries}/openblas-pthread:{libraries}:{root}/usr/lib", str(root / "usr/bin/python3"),
    )
    assert engine.env["PYTHONHOME"] == str(root / "usr")
    assert engine.argv("-c", "x") == [*engine.command, "-c", "x"]


def test_a_folder_without_a_debian_in_it_is_refused(tmp_path):
    (tmp_path / "bin").mkdir()
    with pytest.raises(EngineNotFound, match="is not a Debian root folder"):
        interpreter_engine(str(tmp_path))


def test_a_command_line_is_split_as_a_shell_does():
    assert interpreter_engine("env 'A=b c' python3").command == ("env", "A=b c", "python3")


def test_facts_of_a_build_with_a_gpu(fake, tmp_path):
    facts = probe(fake)
    assert (facts.version, facts.layer_types, facts.gpu) == ("1.0.0-fake", 2, True)
    assert facts.file == str(tmp_path / "caffe/__init__.py")
    assert facts.python == ".".join(map(str, sys.version_info[:3]))


def test_a_cpu_only_build_may_abort_when_asked_for_its_gpu(fake, monkeypatch):
    monkeypatch.setenv("FAKE", "cpu")
    assert probe(fake).gpu is False


def test_a_python_without_caffe_is_not_the_engine():
    with pytest.raises(EngineNotFound, match=r"No module named 'caffe_is_not_here'.*caffe install"):
        probe(Engine("caffe", (sys.executable,), "caffe_is_not_here"))


def test_a_command_that_hangs_is_not_the_engine(fake, tmp_path):
    (tmp_path / "caffe/__init__.py").write_text("import time; time.sleep(60)")
    start = time.monotonic()
    with pytest.raises(EngineNotFound, match=r"no answer within 0.5 s"):
        probe(fake, timeout=0.5)
    assert time.monotonic() - start < 30


def test_a_command_that_cannot_start_is_not_the_engine(tmp_path):
    program = tmp_path / "python"
    program.write_text("no program")
    with pytest.raises(EngineNotFound, match=r"cannot start .*Permission denied"):
        Engine("caffe", (str(program),), "caffe").run("-c", "pass")


def test_the_environment_of_a_process(monkeypatch):
    monkeypatch.setenv("A", "outside")
    monkeypatch.setenv("B", "outside")
    engine = Engine("caffe", (sys.executable,), "caffe", {"B": "engine", "C": "engine"})
    script = "import os; print(*(os.environ[n] for n in 'ABC'))"
    assert engine.run("-c", script, env={"C": "call"}).split() == ["outside", "engine", "call"]


LOG = """\
I1120 11:57:35.751462 16059 net.cpp:53] Initializing net from parameters:
F1120 11:57:35.751462 16059 net.cpp:757] Check failed: target_blobs.size() == 2 (1 vs. 2) no
*** Check failure stack trace: ***
    @     0x7f2a1e3fb1c3  google::LogMessage::Fail()
    @     0x7f2a1e3fb1c3  main
"""


@pytest.mark.parametrize(("log", "words"), [
    (LOG, "net.cpp:757] Check failed: target_blobs.size() == 2 (1 vs. 2) no"),
    ('Traceback (most recent call last):\n  File "x"\nValueError: it\n', "ValueError: it"),
    ("I1120 11:57:35.7 1 a.cpp:1] all well\n*** SIGSEGV (@0x0) received ***\n    @ 0x7f main\n",
     "I1120 11:57:35.7 1 a.cpp:1] all well"),
    ("[libprotobuf ERROR t.cc:309] Error parsing: 1:22: no field\n" + LOG.splitlines()[1],
     "[libprotobuf ERROR t.cc:309] Error parsing: 1:22: no field / net.cpp:757] Check failed: "
     "target_blobs.size() == 2 (1 vs. 2) no"),
    ("\n \n", "it said nothing"),
])
def test_last_words(log, words):
    assert last_words(log) == words


@pytest.mark.parametrize(("code", "ending"), [
    (-6, "SIGABRT"), (134, "SIGABRT"), (-9, "SIGKILL"), (1, "exit code 1"), (255, "exit code 255"),
])
def test_a_crash_says_how_it_ended(code, ending):
    error = Engine("caffe", ("python3",), "caffe").crash(code, LOG)
    assert isinstance(error, CaffeCrashed)
    assert str(error).startswith(f"real Caffe died ({ending}): net.cpp:757] Check failed")


def test_another_engines_death_is_not_caffes():
    error = Engine("torchcaffe", ("python3",), "netbuilder.torchcaffe").crash(1, "ValueError: no")
    assert isinstance(error, EngineError)
    assert not isinstance(error, CaffeCrashed)


@pytest.mark.caffe
def test_real_caffe_is_what_it_says(real_caffe):
    facts = probe(real_caffe)
    assert facts.version.startswith("1.0")
    assert facts.layer_types >= 55


@pytest.mark.caffe
def test_real_caffe_runs_a_script_where_the_files_are(run_caffe, tmp_path):
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }\n'
        'layer { name: "sum" type: "Reduction" bottom: "x" top: "y" }\n'
    )
    script = tmp_path / "job.py"
    script.write_text(
        "import caffe, json, sys\n"
        "net = caffe.Net('net.prototxt', caffe.TEST)\n"
        "net.blobs['x'].data[...] = float(sys.argv[1])\n"
        "print('chatter'); print(json.dumps(float(net.forward()['y'])))\n"
    )
    assert run_caffe(script, 7, cwd=tmp_path) == 42


@pytest.mark.caffe
def test_the_death_of_real_caffe_carries_its_last_words(run_caffe, tmp_path):
    (tmp_path / "net.prototxt").write_text('layer { name: "x" type: "Nonsense" }')
    with pytest.raises(CaffeCrashed, match=r"died \(SIGABRT\): .*Unknown layer type: Nonsense"):
        run_caffe("import caffe; caffe.Net('net.prototxt', caffe.TEST)", cwd=tmp_path)
