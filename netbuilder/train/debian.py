"""Debian's package archive, read without Debian's tools: find a mirror, choose, fetch, check.

Only what real Caffe needs of it, and only for x86-64. Formats: deb822 stanzas (Release, Packages,
*.sources) and apt's sources.list.
The chain of trust is the archive's own: the signature of Release (where this machine has gpgv and
Debian's keys), Release has the SHA-256 of Packages.xz, and that the SHA-256 of every package.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from netbuilder.errors import EngineError

SUITE = "bullseye"
INDEX = "main/binary-amd64/Packages.xz"
MIRROR_VARIABLE = "NETBUILDER_DEBIAN_MIRROR"
KEYRINGS = tuple(
    Path("/usr/share/keyrings", f"debian-archive-keyring.{kind}") for kind in ("gpg", "pgp")
)
DEBOOTSTRAP = Path("/usr/sbin/debootstrap")

# What only packages' own maintainer scripts run, or what is needed to compile against Caffe.
LEFT_OUT = frozenset({"cython3", "debconf", "dpkg", "perl", "perl-base", "ucf"})

_RELEASES = {
    "buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid",
    "oldoldstable", "oldstable", "stable", "testing", "unstable",
}


@dataclass(frozen=True)
class Package:
    """One stanza of Packages. ``depends``: each item is a tuple of alternatives."""

    name: str
    version: str
    depends: tuple[tuple[str, ...], ...]
    provides: tuple[str, ...]
    filename: str
    size: int
    sha256: str


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a deb822 file as fields by lower-case name; comment lines are dropped."""
    for paragraph in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and name:
                fields[name] += "\n" + line.strip()
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.lower()
                fields[name] = value.strip()
        if fields:
            yield fields


def find_mirror(apt: Path = Path("/etc/apt")) -> str:
    """The Debian mirror to use where none is named; raises EngineError with what to do.

    NETBUILDER_DEBIAN_MIRROR, else the first Debian mirror this machine's apt uses, else the one
    debootstrap would take.
    """
    if named := os.environ.get(MIRROR_VARIABLE):
        return named
    for uri in apt_mirrors(apt):
        return uri
    if DEBOOTSTRAP.is_file():
        script = DEBOOTSTRAP.read_text(errors="replace")
        if found := re.search(r'^DEF_MIRROR="(http[^"$]+)"', script, re.MULTILINE):
            return found[1]
    raise EngineError(
        "no Debian mirror is known: this machine's apt uses none; name one with --mirror URL or "
        f"{MIRROR_VARIABLE} (debian.org has the list, under \"Debian mirrors\"; the URL ends in "
        "/debian)"
    )


def apt_mirrors(apt: Path) -> Iterator[str]:
    """The URIs of Debian's own main archive in apt's sources, in apt's order of files."""
    parts = sorted((apt / "sources.list.d").glob("*"))
    for path in (apt / "sources.list", *parts):
        if path.suffix not in (".list", ".sources") or not path.is_file():
            continue
        read = _deb822_sources if path.suffix == ".sources" else _one_line_sources
        for uri, suites, components in read(path.read_text(errors="replace")):
            if "main" in components and _RELEASES & set(suites):
                yield from _debian_archives(uri)


def _deb822_sources(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for fields in stanzas(text):
        words = {name: value.split() for name, value in fields.items()}
        if words.get("enabled") != ["no"] and "deb" in words.get("types", ()):
            for uri in words.get("uris", ()):
                yield uri, words.get("suites", []), words.get("components", [])


def _one_line_sources(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    for line in text.splitlines():
        entry = re.sub(r"\[[^\]]*\]", " ", line.split("#")[0]).split()
        if len(entry) > 3 and entry[0] == "deb":
            yield entry[1], [entry[2]], entry[3:]


def _debian_archives(uri: str) -> Iterator[str]:
    """The URI if it is one of Debian itself; cloud images name a file with the URIs instead."""
    if uri.startswith("mirror+file:"):
        listing = Path(uri.removeprefix("mirror+file:"))
        named = listing.read_text().split("\n") if listing.is_file() else []
        for line in filter(str.strip, named):
            yield from _debian_archives(line.split()[0])
        return
    folder = uri.rstrip("/").rpartition("/")[2]
    if uri.startswith(("http:", "https:", "file:")) and folder.startswith("debian"):
        yield uri.rstrip("/")


def fetch(url: str, tries: int = 3) -> bytes:
    """What stands at a URL; raises EngineError, after a few tries where trying again may help."""
    for left in reversed(range(tries)):
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return answer.read()
        except (OSError, HTTPException, ValueError) as error:  # ValueError: no URL at all
            code = getattr(error, "code", None)
            if code == 404 or not left or isinstance(error, ValueError):
                raise EngineError(f"cannot fetch {url}: {error}") from error
            time.sleep(1)
    raise AssertionError("unreachable")


def read_index(mirror: str) -> tuple[dict[str, Package], bool]:
    """Bullseye's packages by name, and whether Debian's signature was checked.

    A signature that is wrong raises EngineError; one that cannot be checked here is False.
    """
    folder = f"{mirror.rstrip('/')}/dists/{SUITE}"
    try:
        release = fetch(f"{folder}/Release")
    except EngineError as error:
        raise EngineError(
            f"{error}; is {mirror} a Debian mirror? Old releases move to Debian's archive of old "
            "releases one day: then pass a mirror of that archive with --mirror"
        ) from error
    signed = _check_signature(release, folder)
    fields = next(stanzas(release.decode(errors="replace")), {})
    listed = re.search(rf"^([0-9a-f]{{64}}) +\d+ +{INDEX}$", fields.get("sha256", ""), re.MULTILINE)
    if fields.get("codename") != SUITE or not listed:
        raise EngineError(f"{folder}/Release is not the one of Debian 11 ({SUITE}) for x86-64")
    data = fetch(f"{folder}/{INDEX}")
    check_sha256(data, listed[1], f"{folder}/{INDEX}")
    return parse_packages(lzma.decompress(data).decode()), signed


def _check_signature(release: bytes, folder: str) -> bool:
    keyring = next(filter(Path.is_file, KEYRINGS), None)
    if keyring is None or shutil.which("gpgv") is None:
        return False
    signature = fetch(f"{folder}/Release.gpg")
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch, "Release.gpg"), Path(scratch, "Release")
        for path, data in zip(files, (signature, release), strict=True):
            path.write_bytes(data)
        done = subprocess.run(
            ("gpgv", "--status-fd", "1", "--keyring", keyring, *files),
            capture_output=True, text=True, errors="replace", check=False,
        )
    # Several keys sign; a keyring older or newer than the release knows only some of them.
    if "] GOODSIG " not in done.stdout or "] BADSIG " in done.stdout:
        raise EngineError(f"{folder}/Release is not signed with Debian's keys of {keyring}")
    return True


def check_sha256(data: bytes, expected: str, what: str) -> None:
    """Raises EngineError where the data is not what was promised."""
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise EngineError(
            f"{what} is not what the archive promises (SHA-256 {found[:12]}..., expected "
            f"{expected[:12]}...): try again, or another --mirror"
        )


def parse_packages(text: str) -> dict[str, Package]:
    """The stanzas of a Packages file by package name."""
    return {fields["package"]: _package(fields) for fields in stanzas(text) if "package" in fields}


def _package(fields: Mapping[str, str]) -> Package:
    needed = ", ".join(filter(None, (fields.get("pre-depends"), fields.get("depends"))))
    return Package(
        fields["package"], fields["version"],
        tuple(tuple(_names(group, "|")) for group in needed.split(",") if group.strip()),
        tuple(_names(fields.get("provides", ""), ",")),
        fields["filename"], int(fields["size"]), fields["sha256"],
    )


def _names(text: str, separator: str) -> Iterator[str]:
    """Package names without versions ``(>= 1)`` and architectures ``:any``."""
    return (re.split(r"[\s:(]", item.strip())[0] for item in text.split(separator) if item.strip())


def closure(packages: Mapping[str, Package], wanted: Iterable[str]) -> list[Package]:
    """The wanted packages and what they need, nearest first, without LEFT_OUT.

    Of alternatives: one that is chosen already, else the first that exists, else what provides
    it. Versions are not compared: one release's packages fit each other.
    """
    providers: dict[str, list[str]] = {}
    for package in packages.values():
        for virtual in package.provides:
            providers.setdefault(virtual, []).append(package.name)
    queue = [_choose((name,), packages, providers, name) for name in wanted]
    chosen = set(queue)
    for name in queue:
        for alternatives in packages[name].depends:
            offers = {offer for item in alternatives for offer in (item, *providers.get(item, ()))}
            if offers & (chosen | LEFT_OUT):
                continue
            choice = _choose(alternatives, packages, providers, name)
            chosen.add(choice)
            queue.append(choice)
    return [packages[name] for name in queue]


def _choose(
    alternatives: tuple[str, ...], packages: Mapping[str, Package],
    providers: Mapping[str, list[str]], needed_by: str,
) -> str:
    for name in alternatives:
        if name in packages:
            return name
    for name in alternatives:
        if name in providers:
            return providers[name][0]
    raise EngineError(f"this mirror's {SUITE} lacks {' | '.join(alternatives)}, for {needed_by}")


def download(package: Package, mirror: str, folder: Path) -> Path:
    """The package's .deb in ``folder``, verified; fetched only if it is not there yet."""
    path = folder / f"{package.sha256}.deb"
    if path.exists():
        return path
    data = fetch(f"{mirror.rstrip('/')}/{package.filename}")
    check_sha256(data, package.sha256, package.filename)
    part = path.with_suffix(".part")
    part.write_bytes(data)
    os.replace(part, path)
    return path
