import pytest

from arae_toolkit.data.corpus import open_array
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.errors import ToolkitError
from arae_toolkit.storage.safetensors_file import load_tensors
from arae_toolkit.storage.text_lines import open_binary

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"


def read_rows(path):
    with open_binary(path) as source:
        source.read()


@pytest.mark.parametrize(
    ("read", "code"), [(load_tensors, 4), (Vocabulary.load, 4), (read_rows, 3), (open_array, 3)]
)
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (POINTER, "a Git LFS pointer of 63 bytes, not the file itself; run 'git lfs pull'"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>Sign in", "a web page, not the file itself"),
        (b"<HTML><body>404", "a web page, not the file itself; download it again"),
    ],
)
def test_what_lies_in_the_place_of_a_file_is_named(tmp_path, read, code, content, told):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ToolkitError) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: {told}")
    assert raised.value.exit_code == code
