"""Files: found, sniffed, refused in plain words, and written whole or not at all."""

import os
import stat

import pytest

from netbuilder.errors import BuildError, ParseError
from netbuilder.proto import caffe_pb2, io

NET = caffe_pb2.NetParameter(name="n", layer=[{"name": "é", "blobs": [{"data": [1, 2.5]}]}])


def test_text_comes_back(tmp_path):
    path = tmp_path / "net.prototxt"
    io.write_text(path, NET, comments={"é": "stage"}, header="made by\n\n--flag")
    assert path.read_text("utf-8").startswith('# made by\n#\n# --flag\n\nname: "n"\n\n# stage\n')
    assert io.read_text(path, caffe_pb2.NetParameter) == NET
    assert io.read_net(path) == NET


def test_binary_comes_back(tmp_path):
    path = tmp_path / "net.caffemodel"
    io.write_binary(path, NET)
    assert io.read_binary(path, caffe_pb2.NetParameter) == NET
    assert io.read_net(str(path)) == NET


@pytest.mark.parametrize("name", ["x" * length for length in (1, 9, 10, 13, 32, 65, 130)])
def test_binary_is_known_by_its_bytes_whatever_the_name(tmp_path, name):
    net = caffe_pb2.NetParameter(name=name, layer=[{"name": "a", "type": "ReLU"}])
    io.write_binary(tmp_path / "net.prototxt", net)
    assert io.read_net(tmp_path / "net.prototxt") == net


def test_comments_need_not_be_utf8(tmp_path):
    (tmp_path / "net").write_bytes(b'# \xb2\xe2\xca\xd4\nname: "a"')
    assert io.read_net(tmp_path / "net").name == "a"


BINARY = NET.SerializeToString()
WRONG = [
    ("read_net", b'name: "a"\nnam: 1', ":2:1: NetParameter has no field"),
    ("read_net", b'name: "a"\nlayer { name: "b\0" }', ":2:17: this control character stands in"),
    ("read_net", b"\xff\xfen\0a\0", ": is UTF-16 text; save it as UTF-8"),
    ("read_net", b'\xef\xbb\xbfname: "a"', ":1:1: starts with a byte order mark"),
    ("read_net", b'name: "\xe9"', ":1:7: name is not valid UTF-8"),
    ("read_net", BINARY[:-3], ": is not a binary NetParameter, or is cut short"),
    ("read_net", b"\x89HDF\r\n\x1a\n", ": is an HDF5 file, not a binary NetParameter; weights are "
     "read from it if its name ends in .h5; a net is not in it: give its prototxt"),
    ("read_net", b"\x1f\x8b\0", ": is a gzip archive, not a binary NetParameter; unpack it first"),
    ("read_net", b'net: "a"',
     ':1:1: NetParameter has no field "net" '
     "(the file is a SolverParameter, not a NetParameter)"),
    ("read_net", b'net: "a"\nbase_lrr: 1',
     ':1:1: NetParameter has no field "net" '
     "(the file is a SolverParameter, not a NetParameter)"),
    ("read_net", caffe_pb2.BlobProto(num=1, data=[1]).SerializeToString(),
     ": is a binary file of another kind than NetParameter"),
    ("read_text", BINARY, ": is a binary file; a NetParameter as text was expected"),
    ("read_binary", b"", ": is empty; a binary NetParameter was expected"),
    ("read_binary", b'name: "a"\n', ": is text; a binary NetParameter was expected"),
]


@pytest.mark.parametrize(("function", "data", "message"), WRONG)
def test_wrong_files(tmp_path, function, data, message):
    path = tmp_path / "file"
    path.write_bytes(data)
    more = [] if function == "read_net" else [caffe_pb2.NetParameter]
    with pytest.raises(ParseError) as caught:
        getattr(io, function)(path, *more)
    assert str(caught.value).startswith(f"{path}{message}")


def test_every_truncation_is_an_error_or_a_shorter_net(tmp_path):
    path = tmp_path / "net.caffemodel"
    for length in range(1, len(BINARY)):
        path.write_bytes(BINARY[:length])
        try:
            assert io.read_binary(path, caffe_pb2.NetParameter) != NET
        except ParseError as error:
            assert str(path) in str(error)


def test_files_that_cannot_be_read(tmp_path):
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ParseError, match=reason) as caught:
            io.read_net(path)
        assert caught.value.file == str(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_permissions(tmp_path):
    path = tmp_path / "net"
    path.touch(mode=0)
    with pytest.raises(ParseError, match="Permission denied"):
        io.read_net(path)
    tmp_path.chmod(0o500)
    with pytest.raises(BuildError, match="Permission denied"):
        io.write_text(tmp_path / "new", NET)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_umask_is_honoured(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        io.write_atomically(tmp_path / "file", "é")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode
    assert (tmp_path / "file").read_bytes() == "é".encode()


def test_a_file_that_is_replaced_keeps_its_rights(tmp_path):
    for mode in (0o600, 0o664, 0o444):
        path = tmp_path / f"{mode:o}"
        path.write_text("old")
        path.chmod(mode)
        io.write_atomically(path, "new")
        assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", mode)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BuildError, match=r"cannot write .*file: No space left on device"):
        io.write_atomically(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "plain").touch()
    for path, reason in ((tmp_path / "no" / "file", "there is no folder"),
                         (tmp_path / "plain" / "file", "there is no folder"),
                         (tmp_path, "it is not a regular file"),
                         ("/dev/null", "it is not a regular file")):
        with pytest.raises(BuildError, match=reason):
            io.write_atomically(path, "text")
    assert [p.name for p in tmp_path.iterdir()] == ["plain"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    io.write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
