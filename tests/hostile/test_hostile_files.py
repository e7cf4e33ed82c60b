"""Files that are no prototxt, or hardly: wrong encodings, devices, pipes, cut and random bytes."""

import os
import random

import pytest
from attack import INPUT, outcome, process

from netbuilder.proto import caffe_pb2
from netbuilder.proto.text import parse

MB = 1_000_000
NET = INPUT + ('layer { name: "c" type: "Convolution" bottom: "d" top: "c" convolution_param { '
               'num_output: 2 kernel_size: 3 } blobs { data: [1, 2] shape { dim: 2 } } }')

TEXTS = {
    "UTF-16": (NET.encode("utf-16"), "is UTF-16 text"),
    "UTF-32": (NET.encode("utf-32"), "is UTF-16 text"),
    "a byte order mark": (b"\xef\xbb\xbf" + NET.encode(), "byte order mark"),
    "Latin-1": ('name: "é"'.encode("latin-1"), "is not valid UTF-8"),
    "a name that is no text": (b"na\xffme: 1", "U+DCFF"),
    "a NUL": (b'name: "a\0"', "is not a binary NetParameter"),
    "a late NUL": (b" " * 5000 + b"\0", "NUL character"),
    "open braces": (b"{" * MB, "expected the name of a field"),
    "open messages": (b"layer {" * MB, "LayerParameter has no field"),
    "closing braces": (b"}" * MB, "closes nothing"),
    "nested lists": (b"input_dim: " + b"[" * MB, "this list takes"),
    "a list without end": (b"input_dim: [" + b"1," * MB, "this list takes"),
    "quotes": (b'"' * MB, "expected the name of a field"),
    "an open string": (b'name: "' + b'\\"' * MB, "has no closing"),
    "wrong escapes": (b'name: "' + b"\\q" * MB + b'"', "escape that does not exist"),
    "colons": (b"a:" * MB, "has no field"),
    "minus signs": (b"input_dim: " + b"-" * MB, "expected a value"),
    "a field of 1 MB": (b"q" * MB + b": 1", "has no field"),
    "an integer of 1 MB": (b"input_dim: " + b"9" * MB, "takes an integer"),
    "a hexadecimal integer of 1 MB": (b"input_dim: 0x" + b"f" * MB, "takes an integer"),
    "a word for an integer": (b"input_dim: " + b"A" * MB, "takes an integer"),
    "a word for a bool": (b"debug_info: " + b"A" * MB, "takes true or false"),
    "a word for a string": (b"name: " + b"A" * MB, "string in quotes"),
    "a word for an enum": (b"layer { phase: " + b"A" * MB + b" }", "takes TRAIN or TEST"),
    "a word for a number": (b"layer { loss_weight: " + b"A" * MB + b" }", "takes a decimal"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name, tmp_path):
    data, reason = TEXTS[name]
    (tmp_path / "net.prototxt").write_bytes(data)
    assert reason in outcome(tmp_path / "net.prototxt")


@pytest.mark.parametrize("text", [b" " * 10 * MB, b"#" * MB, b"#\n" * MB, b'name: ' + b'"a" ' * MB,
                                  b"name: " + b'"a"#\n' * MB, b"layer { loss_weight: " + b"9" * MB],
                         ids=["spaces", "comment", "comments", "strings", "both", "digits"])
def test_texts_that_take_linear_time(text, tmp_path):
    (tmp_path / "net.prototxt").write_bytes(text)
    outcome(tmp_path / "net.prototxt")


def test_a_float_of_a_million_digits(tmp_path):
    (tmp_path / "net.prototxt").write_bytes(b"layer { loss_weight: " + b"9" * MB + b" }")
    assert "unknown layer type" in outcome(tmp_path / "net.prototxt")


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "pipe", "Is a pipe"),
                         (tmp_path / "loop", "symbolic links"), ("/dev/zero", "Is a device"),
                         (tmp_path / ("a" * 5000), "name too long"), ("a\0b", "null")):
        assert reason in outcome(path)


@pytest.mark.parametrize("start", [b" " * 5000, b"\0"], ids=["text", "binary"])
def test_files_of_ten_gigabytes_are_not_read(start, tmp_path):
    (tmp_path / "net").write_bytes(start)
    os.truncate(tmp_path / "net", 10 << 30)
    assert "is larger than" in process(tmp_path / "net", mib=512)


# Binary nets.


def binary(path, data):
    path.write_bytes(data)
    return outcome(path)


def test_a_binary_net_cut_at_every_byte(tmp_path):
    data = parse(NET, caffe_pb2.NetParameter()).SerializeToString()
    for length in range(1, len(data)):
        binary(tmp_path / "net", data[:length])


def test_every_bit_of_a_binary_net_turned(tmp_path):
    data = parse(NET, caffe_pb2.NetParameter()).SerializeToString()
    for bit in range(8 * len(data)):
        turned = bytearray(data)
        turned[bit // 8] ^= 1 << bit % 8
        binary(tmp_path / "net", bytes(turned))


def test_random_bytes(tmp_path):
    random.seed(0)
    for length in range(1, 300):
        binary(tmp_path / "net", random.randbytes(length))


def nested(depth):
    data = b""
    for _ in range(depth):
        length, size = len(data), b""
        while length > 127:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        data = b"\xa2\x06" + size + bytes([length]) + data
    return data


BOMBS = {  # small files that would unfold to gigabytes
    "layers": b"\xa2\x06\x00" * 4_000_000,
    "V1 layers": b"\x12\x00" * 4_000_000,
    "messages in a layer": b"\xa2\x06" + b"\x80\x89\x7a" + b"\x32\x00" * 1_000_000,
    "numbers": b"\x20\x01" * 5_000_000,
    "groups": b"\x0b\x01" * 4_000_000,
}


def test_deep_nesting(tmp_path):
    """No message of Caffe's contains itself, so all but one level is unknown and skipped."""
    assert "unknown layer type" in binary(tmp_path / "net", nested(5000))


@pytest.mark.parametrize("name", BOMBS)
def test_binary_bombs(name, tmp_path):
    (tmp_path / "net").write_bytes(BOMBS[name])
    said = process(tmp_path / "net", mib=1024)
    assert "more than any network" in said or "is not a binary NetParameter" in said
