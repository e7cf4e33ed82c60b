"""Every command that reads a file: nets and solvers of all ages, changed by byte and by line."""

import random

import pytest
from attack import COMMANDS, outcome
from hypothesis import given
from hypothesis import strategies as st
from seeds import SEEDS, TOKENS
from test_fuzz import BUDGET, few, settings

EDITS = 6


def changed(data: bytes, draw) -> bytes:
    """Pieces replaced, cut out, put in, doubled and moved; where they are text, whole words."""
    for _ in range(draw(st.integers(1, EDITS))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 60))
        piece = draw(st.sampled_from([*TOKENS, b"", data[at: at + length] * 2]) |
                     st.binary(max_size=4))
        data = data[:at] + piece + data[at + draw(st.integers(0, length)):]
    return data


@BUDGET
@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command, examples, tmp_path):
    path = tmp_path / "file"

    @settings(max_examples=max(examples // 5, 60), **few)
    @given(st.data())
    def run(data) -> None:
        seed = data.draw(st.sampled_from(sorted(SEEDS)))
        path.write_bytes(changed(SEEDS[seed], data.draw))
        outcome(path, command=command)

    run()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_seeds_cut_short(command, seed, tmp_path):
    """Downloads that broke off."""
    data, path = SEEDS[seed], tmp_path / "file"
    for length in random.Random(0).sample(range(len(data) + 1), 12):
        path.write_bytes(data[:length])
        outcome(path, command=command)


@pytest.mark.parametrize("seed", SEEDS)
def test_seeds_are_sound(seed, tmp_path):
    """Changing what is refused at once would show little."""
    (tmp_path / "file").write_bytes(SEEDS[seed])
    assert not outcome(tmp_path / "file", command="upgrade")
