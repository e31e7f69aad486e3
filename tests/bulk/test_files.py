import gzip
import zipfile

import pytest

from arae_toolkit.bulk.files import InputFile, OutputFolder, input_files
from arae_toolkit.errors import DataError, NotFound


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("a.jsonl", "deep/b.csv.gz", "deep/[c].txt", ".hidden.txt", "_temp/d.txt", "notes.md")
    for name in names:
        path = tmp_path / "rows" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(name.encode()) if name.endswith(".gz") else name.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("source", "names", "base"),
    [
        ("rows", ["a.jsonl", "deep/[c].txt", "deep/b.csv.gz"], "rows/"),
        ("rows/", ["a.jsonl", "deep/[c].txt", "deep/b.csv.gz"], "rows/"),
        ("rows/deep/[c].txt", ["[c].txt"], "rows/deep/"),
        ("rows/notes.md", ["notes.md"], "rows/"),
        ("rows/**/*.csv.gz", ["deep/b.csv.gz"], "rows/"),
        ("r*/*.md", ["rows/notes.md"], ""),
    ],
)
def test_a_file_a_folder_or_a_pattern_names_files(folder, source, names, base):
    found = input_files(source).files
    assert found == [InputFile(name, base + name) for name in names]
    with found[0].opened() as stream:
        assert stream.read().decode() in found[0].address
    absolute = input_files(f"{folder}/{source}").files
    assert [file.name for file in absolute] == names
    assert absolute[0].measured() == found[0].measured()


@pytest.mark.parametrize("name", ["b::c.txt", "~", "file:x", "n\nl.txt"])
def test_names_that_mean_something_in_addresses_are_plain_names_of_paths(folder, name):
    path = folder / name / "a.txt"
    path.parent.mkdir()
    path.write_text("text")
    (found,) = input_files(name).files
    assert found == InputFile("a.txt", f"{name}/a.txt")
    assert found.measured()[0] == 4
    OutputFolder(name).write("b.txt", b"answers")
    assert OutputFolder(name).sizes() == {"a.txt": 4, "b.txt": 7}


@pytest.mark.parametrize("source", ["nowhere", "rows/*.parquet", "empty"])
def test_where_there_is_no_file_it_is_told(folder, source):
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.md").touch()
    with pytest.raises(DataError, match=r"no (such )?file"):
        input_files(source)


def test_files_of_a_folder_that_are_none_of_rows_are_counted_by_suffix(folder):
    """Hidden ones are not: other programs leave them, and do not mean them to be read."""
    for name in ("deep/MORE.MD", "scan.pdf", "README", "old.md.gz", "_SUCCESS", ".a.pdf"):
        (folder / "rows" / name).touch()
    found = input_files("rows").passed_over
    assert found == {"": 1, ".md": 2, ".md.gz": 1, ".pdf": 1}
    assert list(found) == sorted(found)
    assert input_files("rows/**/*.csv.gz").passed_over == {}
    assert input_files("rows/scan.pdf").passed_over == {}


def test_a_folder_without_rows_names_what_it_has_and_the_suffixes_known(folder):
    (folder / "other").mkdir()
    for name in ("a.pdf", "b.pdf", "c"):
        (folder / "other" / name).touch()
    with pytest.raises(DataError) as caught:
        input_files("other")
    assert str(caught.value) == (
        "other: no file of rows, but 1 without a suffix, 2 .pdf; their suffixes are .jsonl, "
        ".ndjson, .json, .csv, .tsv, .tab, .parquet, .txt, with .gz behind or in a .zip; a "
        "pattern such as 'other/*' takes any"
    )
    assert caught.value.exit_code == 3


def test_what_is_named_and_missing_is_wrong_usage(folder):
    with pytest.raises(NotFound, match="nowhere: no such file or folder"):
        input_files("nowhere")


def test_rows_alone_in_an_archive_are_not_passed_over(folder):
    with zipfile.ZipFile(folder / "rows" / "e.zip", "w") as archive:
        archive.writestr("e.txt", "one row")
    last = input_files("rows").files[-1]
    assert last.name == "e.zip"
    with last.opened() as stream:
        assert stream.read() == b"one row"


def test_an_output_folder_shows_no_file_that_is_not_whole(tmp_path):
    for address in (str(tmp_path / "out"), f"file://{tmp_path}/remote"):
        folder = OutputFolder(address)
        assert folder.sizes() == {} and folder.read_json("a/b.json") is None
        folder.write("a/b.json", b"{")
        assert folder.read_json("a/b.json") is None
        folder.write_json("a/b.json", {"rows": 7})
        assert folder.read_json("a/b.json") == {"rows": 7}
        assert folder.sizes() == {"a/b.json": 15}
        folder.remove("a/b.json")
        assert folder.sizes() == {}
