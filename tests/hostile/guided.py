"""Fuzzing that follows the code's branches: ``python tests/hostile/guided.py [FOLDER] [-runs=N]``.

Needs atheris; arguments are libFuzzer's, such as ``-max_total_time=600``. Inputs that reach new
branches are kept in FOLDER. It stops at the first input that ends in anything but an error in
words, and writes it to ``crash-...``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
with atheris.instrument_imports(include=["netbuilder"]):
    import attack
    import seeds

    from netbuilder.analysis import diff, export, lint, table  # noqa: F401  (to be followed too)
    from netbuilder.cli import check, compare, summary, upgrade  # noqa: F401

NAMES = sorted(attack.COMMANDS)


def main() -> None:
    """Each input is a command's number, as one byte, and the file that it is given."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        corpus = Path(folder, "seeds")
        corpus.mkdir()
        for number, data in enumerate(seeds.SEEDS.values()):
            for command in range(len(NAMES)):
                (corpus / f"{number}-{command}").write_bytes(bytes([command]) + data)
        words = Path(folder, "words")
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in seeds.TOKENS))

        def one(data: bytes) -> None:
            if data:
                path.write_bytes(data[1:])
                attack.outcome(path, command=NAMES[data[0] % len(NAMES)])

        given = [word for word in sys.argv[1:] if word.startswith("-")]
        kept = [word for word in sys.argv[1:] if not word.startswith("-")]
        atheris.Setup([sys.argv[0], f"-dict={words}", "-timeout=20", "-rss_limit_mb=2048", *given,
                       *kept, str(corpus)], one)
        atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
