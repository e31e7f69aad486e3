import gzip
import io
import os
import threading
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.errors import DataError
from arae_toolkit.storage.text_lines import MAX_LINE_BYTES, open_binary, read_lines


def lines_of(content, **settings):
    return list(read_lines(io.BytesIO(content), path="rows.txt", **settings))


class Bytes:
    """A stream of a given size that is made as it is read."""

    def __init__(self, size):
        self.left = size

    def readline(self, limit):
        size = min(limit, self.left)
        self.left -= size
        return b"a" * size


@given(
    st.lists(st.text(st.characters(exclude_characters="\n\r\0\ufeff", codec="utf-8")), min_size=1)
)
def test_lines_come_back_with_their_numbers(texts):
    content = "".join(text + "\n" for text in texts).encode()
    assert lines_of(content) == list(enumerate(texts, start=1))
    assert lines_of(content.replace(b"\n", b"\r\n")) == list(enumerate(texts, start=1))
    assert lines_of(b"\xef\xbb\xbf" + content) == list(enumerate(texts, start=1))


def test_the_last_line_needs_no_line_break():
    assert lines_of(b"one\ntwo") == [(1, "one"), (2, "two")]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"nul\0byte", "NUL"),
        (b"latin \xe9t\xe9", "not UTF-8 (byte 7 of the line)"),
        (b"a" * (MAX_LINE_BYTES + 1), "longer than"),
        (b"a" * (10 * MAX_LINE_BYTES), "longer than"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(bad, problem):
    content = b"one\n" + bad + b"\nthree\n"
    with pytest.raises(DataError, match=r"^rows\.txt:2: ") as raised:
        lines_of(content)
    assert problem in str(raised.value)

    found = []
    assert lines_of(content, on_bad=found.append) == [(1, "one"), (3, "three")]
    assert [error.line for error in found] == [2]


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_line_of_exactly_the_limit_is_read(ending):
    text = "a" * MAX_LINE_BYTES
    assert lines_of(text.encode() + ending) == [(1, text)]
    if ending:
        assert lines_of(text.encode() + ending + b"next") == [(1, text), (2, "next")]


def test_an_endless_line_takes_no_memory():
    tracemalloc.start()
    bad = []
    assert list(read_lines(Bytes(1 << 28), path="rows.txt", on_bad=bad.append)) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(bad) == 1
    assert peak < 8 * MAX_LINE_BYTES


@given(st.binary())
def test_any_bytes_are_lines_or_errors_with_numbers(content):
    bad = []
    good = lines_of(content, on_bad=bad.append)
    numbers = sorted([number for number, _ in good] + [error.line for error in bad])
    assert numbers == list(range(1, len(numbers) + 1))
    assert all("\0" not in text and "\n" not in text for _, text in good)


def write(path, content):
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(content))
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("folder/rows.txt", content)
    else:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz", ".zip"])
def test_plain_and_compressed_files_are_the_same(tmp_path, suffix):
    content = b"one\ntwo\n" * 100_000
    with open_binary(write(tmp_path / f"rows{suffix}", content)) as stream:
        assert stream.read() == content


def test_a_compressed_member_of_an_archive_is_decompressed_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("one.txt.gz", gzip.compress(b"one"))
        archive.writestr("two.txt", b"two")
    with open_binary(tmp_path / "all.zip", member="one.txt.gz") as stream:
        assert stream.read() == b"one"
    with pytest.raises(DataError, match="archive of 2 files"), open_binary(tmp_path / "all.zip"):
        pass
    with (
        pytest.raises(DataError, match="no such file in the archive"),
        open_binary(tmp_path / "all.zip", member="three.txt"),
    ):
        pass


@pytest.mark.parametrize("suffix", [".txt.gz", ".zip"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_archive_is_named(tmp_path, suffix, share):
    content = bytes(range(256)) * 4_000
    path = write(tmp_path / f"rows{suffix}", content)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(int(len(whole) * share), 1)])
    with pytest.raises(DataError, match="damaged or truncated"), open_binary(path) as stream:
        stream.read()


@given(content=st.binary(max_size=200))
@pytest.mark.parametrize("suffix", [".gz", ".zip"])
def test_bytes_that_are_no_archive_are_named(tmp_path_factory, suffix, content):
    path = tmp_path_factory.getbasetemp() / f"noise{suffix}"
    path.write_bytes(content)
    try:
        with open_binary(path) as stream:
            stream.read()
    except DataError as error:
        assert str(path) in str(error)


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(DataError, match="a folder, where a file"), open_binary(tmp_path):
        pass
    with pytest.raises(DataError, match="no such file"), open_binary(tmp_path / "none"):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be read"), open_binary(tmp_path / "file" / "below"):
        pass


def test_an_error_of_the_reader_is_not_taken_for_one_of_the_file(tmp_path):
    path = write(tmp_path / "rows.txt", b"one")
    with pytest.raises(OSError, match="disk full"), open_binary(path):
        raise OSError("disk full")


def test_a_named_pipe_gives_its_lines_as_they_are_written(tmp_path):
    """A line is there before the writer has ended."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    first_line_read = threading.Event()

    def write():
        with pipe.open("wb", buffering=0) as target:
            target.write(b"one\n")
            assert first_line_read.wait(timeout=20)
            target.write(b"two\n")

    writer = threading.Thread(target=write)
    writer.start()
    with open_binary(pipe) as stream:
        rows = read_lines(stream, path=str(pipe))
        assert next(rows) == (1, "one")
        first_line_read.set()
        assert next(rows) == (2, "two")
    writer.join()
