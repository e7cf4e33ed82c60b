"""protobuf's C++ text parser as a judge, through protoc --encode; real Caffe reads with it.

Run as a script, with the schema's folder as its argument, it reads a JSON list of texts and writes
a JSON list: the binary message in hex, or null where C++ refuses.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def verdicts(texts: list[str]) -> list[bytes | None]:
    """What C++ reads as a NetParameter from each text; None for refused."""
    import netbuilder.proto

    command = [sys.executable, __file__, os.path.dirname(netbuilder.proto.__file__)]
    run = subprocess.run(
        command, input=json.dumps(texts), text=True, capture_output=True, check=True)
    return [hexed if hexed is None else bytes.fromhex(hexed) for hexed in json.loads(run.stdout)]


def _encode(text: str, schema: str, folder: str) -> str | None:
    """protoc talks to the process's own stdin and stdout, so these are exchanged for files."""
    from grpc_tools import protoc

    source, target = Path(folder, "in"), Path(folder, "out")
    source.write_bytes(text.encode())
    for number, path, flags in ((0, source, os.O_RDONLY), (1, target, os.O_RDWR | os.O_CREAT)):
        handle = os.open(path, flags | (os.O_TRUNC if number else 0))
        os.dup2(handle, number)
        os.close(handle)
    code = protoc.main(["", "--encode=caffe.NetParameter", f"-I{schema}", "caffe.proto"])
    return None if code else target.read_bytes().hex()


def _main() -> None:
    texts, answer = json.load(sys.stdin), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with tempfile.TemporaryDirectory() as folder:
        result = [_encode(text, sys.argv[1], folder) for text in texts]
    with os.fdopen(answer, "w") as file:
        json.dump(result, file)


if __name__ == "__main__":
    _main()
