"""JSON files that anyone may have written."""

import os

import pytest

from arae_toolkit.storage.json_files import parsed_object, read_object, read_text


@pytest.mark.parametrize("text", ["[1]", "1", "", "{", '{"a": Infinity}', "[" * 100_000])
def test_what_is_no_object_of_finite_numbers_is_refused(text):
    with pytest.raises(ValueError):
        parsed_object(text)


def test_pipes_and_devices_are_refused_before_they_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(ValueError, match="not a regular file"):
            read_object(tmp_path / name)


def test_a_file_is_read_up_to_its_bound(tmp_path):
    (tmp_path / "text").write_text("0123456789")
    assert read_text(tmp_path / "text", most_bytes=10) == "0123456789"
    with pytest.raises(ValueError, match="larger than 9 bytes"):
        read_text(tmp_path / "text", most_bytes=9)
