"""The boundary for foreign bytes: one line for whatever a library raises, and bounds on what is read and repeated."""

import os

import pytest
from systems import posix

from minigan.errors import CheckpointError, DataError, UserError
from minigan.foreign import MAX_VALUE, describe, parse_json, printable, read_json, reading, require_regular


def doubled(times):
    """A list whose repr has 2^times characters."""
    content = []
    for _ in range(times):
        content = [content, content]
    return content


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (-1, "-1"),
        (True, "True"),
        (None, "None"),
        (10**18, "a int"),
        (1 << 10**6, "a int"),  # str() would raise an error
        ("cat", "'cat'"),
        (b"cat", "b'cat'"),
        ("\x1b[2J\n", r"'\x1b[2J\n'"),
        ("x" * 10**6, "'" + "x" * MAX_VALUE + "'..."),
        (doubled(60), "a list"),
        ({"a": doubled(60)}, "a dict"),
        ((doubled(60),), "a tuple"),
    ],
    ids=lambda value: "",
)
def test_a_foreign_value_is_described_by_its_type_unless_it_is_small(value, text):
    assert describe(value) == text


def test_control_characters_are_escaped_and_long_texts_cut():
    assert printable("a\nb\x1b[2J\u202e") == r"a\nb\x1b[2J\u202e"
    assert printable("ảnh số 1") == "ảnh số 1"
    assert printable("\udcff.png") == r"\udcff.png"
    assert len(printable("x" * 10**7)) == 120
    assert printable("x" * 300, 200).endswith("...")


@pytest.mark.parametrize(
    "raised", [ValueError("bad"), KeyError("key"), RuntimeError(), RecursionError("deep"), OSError(5)]
)
@pytest.mark.parametrize("error", [DataError, CheckpointError])
def test_whatever_is_raised_becomes_one_line(raised, error):
    with pytest.raises(error) as caught, reading("some\nfile", "an image", "replace it", error):
        raise raised
    message = str(caught.value)
    assert message.startswith(r"some\nfile: expected an image, but it cannot be read (" + type(raised).__name__)
    assert message.endswith("; replace it")
    assert "\n" not in message


@pytest.mark.parametrize("raised", [DataError("as it is"), MemoryError(), KeyboardInterrupt()])
def test_some_exceptions_pass_unchanged(raised):
    with pytest.raises(type(raised)) as caught, reading("file", "an image"):
        raise raised
    assert caught.value is raised


def test_only_regular_files_of_a_known_size_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert require_regular(tmp_path / "file", 5) == 5
    with pytest.raises(DataError, match="expected at most 4 bytes, found 5; replace it"):
        require_regular(tmp_path / "file", 4, remedy="replace it")
    with pytest.raises(UserError, match="expected a file, found a folder"):
        require_regular(tmp_path, 4)


@posix
@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_devices_and_pipes_are_refused_at_once(tmp_path, kind):
    if kind == "device":
        (tmp_path / "file").symlink_to("/dev/zero")
    else:
        os.mkfifo(tmp_path / "file")
    with pytest.raises(DataError, match="found a device or pipe"):
        require_regular(tmp_path / "file", 10**9)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"9" * 5000, b"[" * 60 + b"]" * 60, b'{"a":' * 60 + b"1" + b"}" * 60],
    ids=["empty", "cut", "deep", "not UTF-8", "5,000 digits", "nested lists", "nested dictionaries"],
)
def test_json_that_is_damaged_or_hostile_is_one_line(tmp_path, content):
    (tmp_path / "file.json").write_bytes(content)
    with pytest.raises(CheckpointError, match="expected a list, but it cannot be read") as caught:
        read_json(tmp_path / "file.json", "a list", error=CheckpointError)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))
    with pytest.raises(UserError, match="expected a list, but it cannot be read"):
        parse_json(content.decode("latin-1"), "file", "a list")


def test_json_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "file.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "file.json", "a list") == [1]
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "nowhere.json", "a list")
