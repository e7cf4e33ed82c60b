"""A tiny Debian mirror in a folder, for tests: packages made on the spot, no network."""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
from pathlib import Path

from netbuilder.train import debian

LOADER = "./lib/x86_64-linux-gnu/ld-2.31.so"

# Stands for the dynamic loader, and so for the whole of Python and Caffe behind it.
ANSWERS = """#!/bin/sh
echo '{"file": "there", "version": "1.0.0", "python": "3.9.2", "layer_types": 61}'
"""


def make_deb(files: dict[str, bytes | str], links: dict[str, str] | None = None) -> bytes:
    """A .deb with files (executable where they begin with ``#!``) and symbolic links."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as tar:
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(raw), 0o4755 if raw.startswith(b"#!") else 0o600
            tar.addfile(member, io.BytesIO(raw))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    members = {
        b"debian-binary": b"2.0\n", b"control.tar.xz": b"odd", b"data.tar.xz": data.getvalue(),
    }
    return b"!<arch>\n" + b"".join(_ar_member(*member) for member in members.items())


def _ar_member(name: bytes, content: bytes) -> bytes:
    header = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"100644", len(content))
    return header + content + b"\n" * (len(content) % 2)


class FakeMirror:
    """A mirror of bullseye with just what an installation asks for."""

    def __init__(self, folder: Path, loader: str = ANSWERS) -> None:
        self.folder, self.url = folder, folder.as_uri()
        self.stanzas: list[str] = []
        self.add("libc6", {LOADER: loader}, {
            "./lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": "ld-2.31.so",
            "./lib64/ld-linux-x86-64.so.2": "/lib/x86_64-linux-gnu/ld-2.31.so",
        })
        self.add("python3", {"./usr/bin/python3.9": "#!python"}, {"./usr/bin/python3": "python3.9"},
                 "Pre-Depends: dpkg\nDepends: libc6 (>= 2.31)")
        self.add("libopenblas0-pthread", {
            "./usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3": "blas",
            "./usr/share/doc/libopenblas0-pthread/copyright": "BSD",
            "./usr/share/doc/libopenblas0-pthread/changelog.gz": "long",
            "./etc/openblas.conf": "no",
        }, None, "Provides: libblas.so.3")
        self.add("caffe", {"./usr/bin/caffe": "#!caffe"}, None, "Depends: libblas.so.3")
        self.add("python3-caffe", {
            "./usr/lib/python3/dist-packages/caffe/__init__.py": "",
            "./usr/lib/python3/dist-packages/matplotlib/__init__.py": "",
        }, None, "Depends: python3 (<< 3.10), libblas3 | libblas.so.3, python3:any")

    def add(
        self, name: str, files: dict[str, bytes | str], links: dict[str, str] | None = None,
        fields: str = "",
    ) -> Path:
        path = self.folder / "pool" / f"{name}_1_amd64.deb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_deb(files, links))
        self.stanzas.append(
            f"Package: {name}\nVersion: 1\n{fields}\nFilename: pool/{path.name}\n"
            f"Size: {path.stat().st_size}\nSHA256: {_sha256(path)}\n".replace("\n\n", "\n")
        )
        self.publish()
        return path

    def publish(self, codename: str = debian.SUITE) -> None:
        index = self.folder / "dists" / debian.SUITE / debian.INDEX
        index.parent.mkdir(parents=True, exist_ok=True)
        index.write_bytes(lzma.compress("\n".join(self.stanzas).encode()))
        (self.folder / "dists" / debian.SUITE / "Release").write_text(
            f"Origin: Debian\nCodename: {codename}\nSHA256:\n"
            f" {'0' * 64} 12 main/binary-arm64/Packages.xz\n"
            f" {_sha256(index)} {index.stat().st_size} {debian.INDEX}\n"
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
