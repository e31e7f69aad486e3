import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.errors import DataError
from arae_toolkit.storage.text_encoding import as_utf8, with_head

texts = st.text(st.characters(exclude_characters="\r\ufeff", codec="utf-8"), min_size=1)


def read(content, **settings):
    return as_utf8(io.BytesIO(content), path="rows.txt", **settings).read()


@given(texts)
def test_marked_and_named_encodings_give_the_same_text(text):
    text += "\n"  # some letter that tells the encoding apart from an image's first bytes
    for encoding in ("utf-16", "utf-32"):
        assert read(text.encode(encoding)) == text.encode()
    for encoding in ("utf-16-le", "utf-7"):
        assert read(text.encode(encoding), encoding=encoding) == text.encode()


@given(st.lists(st.text("ab é", min_size=1), min_size=2))
def test_line_ends_of_all_ages(lines):
    expected = "".join(line + "\n" for line in lines).encode()
    assert read(expected) == expected
    assert read(expected.replace(b"\n", b"\r")) == expected
    assert read(expected.replace(b"\n", b"\r\n").decode().encode("utf-16")) == expected


def test_a_lone_return_among_lines_is_a_blank():
    content = b"one\ntwo\rstill two\nthree\n"
    assert read(content) == content


def test_letters_that_an_encoding_lacks_spoil_their_line_alone():
    good, bad = read(b"caf\xe9\nodd \x81\n", encoding="cp1252").splitlines()
    assert good.decode() == "café"
    with pytest.raises(UnicodeDecodeError):
        bad.decode()


@given(st.binary(max_size=400))
def test_any_bytes_are_lines_or_an_error(content):
    try:
        read(content)
    except DataError as error:
        assert str(error).startswith("rows.txt: ")


@given(st.binary(max_size=200), st.integers(1, 9))
def test_a_head_takes_nothing_away(content, size):
    class Slow(io.RawIOBase):
        source = io.BytesIO(content)

        def readable(self):
            return True

        def readinto(self, buffer):
            return self.source.readinto(memoryview(buffer)[:size])

    head, stream = with_head(io.BufferedReader(Slow()))
    assert content.startswith(head)
    assert b"\n" in head or b"\r" in head or head == content
    assert stream.read() == content


def test_no_more_is_waited_for_than_a_line():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as source, os.fdopen(writer, "wb", buffering=0) as target:
        target.write(b"one\n")
        stream = as_utf8(source, path="pipe")
        assert stream.readline() == b"one\n"
        target.write(b"two\n")
        assert stream.readline() == b"two\n"


def test_an_encoding_that_needs_a_mark_which_is_not_there_is_refused():
    """One line that names the file and the option, not a codec's own error."""
    with pytest.raises(DataError, match=r"not UTF-16 .*--encoding"):
        read(b"text,label\ngood food,1\n", encoding="utf-16")
