"""Nets of every outline are analysed in linear time: twice the layers, twice the calls."""

import cProfile
import pstats
import resource
import subprocess
import sys

import pytest
from attack import COMMANDS, INPUT, ROOT, outcome

CONVOLUTION = 'convolution_param { num_output: 3 kernel_size: 1 }'


def layers(count, text):
    return INPUT + "".join(text.replace("#+", str(i + 1)).replace("#/2", str(i // 2))
                           .replace("#", str(i)) for i in range(count))


NETS = {  # functions of the number of layers (or tops, or bottoms)
    "a chain": lambda n: layers(
        n, f'layer {{ name: "f#" type: "Convolution" bottom: "d#" top: "d#+" {CONVOLUTION} }}\n'
    ).replace('"d0"', '"d"'),
    "in place": lambda n: layers(n, 'layer { name: "r#" type: "ReLU" bottom: "d" top: "d" }\n'),
    "one blob with many takers": lambda n: layers(
        n, f'layer {{ name: "f#" type: "Convolution" bottom: "d" top: "e#" {CONVOLUTION} }}\n'),
    "one parameter shared by all": lambda n: layers(
        n, 'layer { name: "f#" type: "Convolution" bottom: "d" top: "e#" param { name: "w" '
           f'lr_mult: 1 }} param {{ name: "b" }} {CONVOLUTION} }}\n'),
    "many parameters shared by two": lambda n: layers(
        n, 'layer { name: "f#" type: "Convolution" bottom: "d" top: "e#" '
           f'param {{ name: "w#/2" }} {CONVOLUTION} }}\n'),
    "one name for all": lambda n: layers(
        n, 'layer { name: "r" type: "ReLU" bottom: "d" top: "e#" }\n'),
    "many tops": lambda n: layers(1, 'layer { name: "s" type: "Split" bottom: "d" '
                                  + "".join(f'top: "t{i}" ' for i in range(n)) + "}"),
    "many bottoms": lambda n: layers(1, 'layer { name: "s" type: "Concat" top: "y" '
                                     + 'bottom: "d" ' * n + "}"),
    "batch norms": lambda n: layers(
        n // 2, 'layer { name: "b#" type: "BatchNorm" bottom: "d" top: "d" }\n'
                'layer { name: "s#" type: "Scale" bottom: "d" top: "d" }\n'),
    "losses": lambda n: layers(n, 'layer { name: "l#" type: "EuclideanLoss" bottom: "d" '
                                  'bottom: "d" top: "l#" loss_weight: 1 }\n'),
    "states": lambda n: layers(n, 'layer { name: "r#" type: "ReLU" bottom: "d" top: "e#" '
                                  'include { phase: TEST stage: "s#" } }\n'),
    "states of data layers": lambda n: layers(
        n, 'layer { name: "i#" type: "DummyData" top: "e#" include { phase: TEST stage: "s#" } '
           "dummy_data_param { shape { dim: 1 } } }\n"),
    "missing bottoms": lambda n: layers(
        n, 'layer { name: "r#" type: "ReLU" bottom: "a#" top: "e#" }\n'),
    "unknown types": lambda n: layers(
        n, 'layer { name: "r#" type: "A#" bottom: "d" top: "e#" }\n'),
    "V1": lambda n: 'input: "d" input_dim: [1, 3, 8, 8]' + layers(
        n, 'layers { name: "r#" type: RELU bottom: "d" top: "d" }\n')[len(INPUT):],
    "V0": lambda n: 'input: "d" input_dim: [1, 3, 8, 8]' + layers(
        n // 2, 'layers { layer { name: "p#" type: "padding" pad: 1 } bottom: "d" top: "p#" }\n'
                'layers { layer { name: "c#" type: "conv" num_output: 3 kernelsize: 3 } '
                'bottom: "p#" top: "c#" }\n')[len(INPUT):],
    "inputs": lambda n: "".join(f'input: "d{i}" input_shape {{ dim: 1 }} ' for i in range(n)),
}
SMALL = 400  # beyond what is looked at of mistakes


def calls(path, command):
    with cProfile.Profile() as profile:
        outcome(path, command=command)
    return pstats.Stats(profile).total_calls


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("net", NETS)
def test_calls(net, command, tmp_path):
    counts = []
    for size in (SMALL, SMALL, 2 * SMALL):  # what the first one imports is not counted
        (tmp_path / "net").write_text(NETS[net](size))
        counts.append(calls(tmp_path / "net", command))
    assert counts[2] <= 2.1 * counts[1]


@pytest.mark.parametrize("net", NETS)
def test_ten_thousand(net, tmp_path):
    """What no count of calls shows: `summary` and `check` end soon, whatever they say."""
    (tmp_path / "net").write_text(NETS[net](10_000))
    for command in ("table", "check"):
        arguments = [word.format(tmp_path / "net") for word in COMMANDS[command]]
        done = subprocess.run(
            [sys.executable, "-m", "netbuilder", *arguments], cwd=ROOT, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (15, 15)))
        assert done.returncode in (0, 1, 2) and "Traceback" not in done.stderr, done.stderr[-999:]
