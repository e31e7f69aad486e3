import gzip
import json
import shutil
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner
from idx_files import write_mnist

from arae_toolkit.recipes.cli import main

GOOD_ROW = json.dumps({"gold_label": "neutral", "sentence1": "A dog.", "sentence2": "A cat."})


def prepare(*arguments):
    return CliRunner().invoke(main, ["prepare", *map(str, arguments)], prog_name="arae-toolkit")


@pytest.fixture
def snli(tmp_path):
    """Write a small corpus in the form of SNLI."""
    folder = tmp_path / "official"
    folder.mkdir()
    for split, animals in (("train", "fox hen"), ("dev", "owl eel"), ("test", "bee ant")):
        rows = [
            {"gold_label": "neutral", "sentence1": f"A {animal} eats.", "sentence2": f"A {animal}."}
            for animal in animals.split()
        ]
        content = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"snli_1.0_{split}.jsonl").write_text(content)
    (folder / "captions.txt").write_text("A boy swims.\nA girl swims.\n")
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check_refused(folder, where, problem, *arguments):
    """Assert that preparing fails in one line and leaves the prepared folder as it was."""
    before = contents(folder)
    beside = sorted(path.name for path in folder.parent.iterdir())
    result = prepare(*arguments, "--out", folder)
    assert result.exit_code == 3, result.output
    assert result.stdout == ""
    # Progress of the splits that were read before is told on lines of its own.
    lines = [line for line in result.stderr.splitlines() if not line.startswith("reading ")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith(f"arae-toolkit: error: {where}: "), lines
    assert problem in lines[0]
    assert contents(folder) == before
    assert sorted(path.name for path in folder.parent.iterdir()) == beside


BAD_ROWS = {
    "malformed JSON": (b'{"gold_label": "neutral", ', "malformed JSON"),
    "missing field": (b'{"gold_label": "neutral", "sentence1": "A."}', "no field 'sentence2'"),
    "wrong type": (
        b'{"gold_label": "neutral", "sentence1": "A.", "sentence2": 5}',
        "field 'sentence2' is a number, text is expected",
    ),
    "invalid UTF-8": (GOOD_ROW.encode().replace(b"dog", b"d\xf6g"), "not UTF-8 (byte"),
    "a 10 MB line": (GOOD_ROW.encode().replace(b"dog", b"dog " * 2_500_000), "line longer than"),
    "NUL bytes": (GOOD_ROW.encode().replace(b"dog", b"d\0g"), "NUL byte in text"),
    "escaped NUL": (GOOD_ROW.encode().replace(b"dog", b"d\\u0000g"), "NUL character in text"),
    "unknown label": (GOOD_ROW.encode().replace(b"neutral", b"maybe"), "'maybe' is none of"),
    "no object": (b"[1, 2, 3]", "a list, a JSON object is expected"),
}


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row(tmp_path, snli, kind, split):
    out = tmp_path / "prepared" / "snli"
    assert prepare("snli", "--source", snli, "--out", out).exit_code == 0
    row, problem = BAD_ROWS[kind]
    path = snli / f"snli_1.0_{split}.jsonl"
    path.write_bytes(path.read_bytes() + row + b"\n" + GOOD_ROW.encode())
    check_refused(out, f"{path}:3", problem, "snli", "--source", snli)

    result = prepare("snli", "--source", snli, "--out", out, "--on-error", "skip")
    assert result.exit_code == 0
    manifest = json.loads((out / "manifest.json").read_text())
    dropped = manifest["dropped"][split]
    assert dropped.get("malformed", 0) + dropped.get("undecodable", 0) == 1
    assert manifest["pairs"][split]["pairs"] == 3


def make_empty(path):
    path.write_bytes(b"")


def make_folder(path):
    path.unlink()
    path.mkdir()


def make_truncated(path):
    whole = gzip.compress(path.read_bytes() * 1_000)
    path.unlink()
    path.with_name(path.name + ".gz").write_bytes(whole[: len(whole) // 2])


def make_unreadable_zip(path):
    path.unlink()
    path.with_name("snli.zip").write_bytes(b"PK\x03\x04 and no more")


@pytest.mark.parametrize(
    ("spoil", "where", "problem"),
    [
        (make_empty, "snli_1.0_dev.jsonl", "file is empty"),
        (make_folder, "snli_1.0_dev.jsonl", "a folder, where a file is expected"),
        (make_truncated, "snli_1.0_dev.jsonl.gz", "damaged or truncated archive"),
        (make_unreadable_zip, "snli.zip", "damaged or truncated archive"),
        (Path.unlink, "", "no snli_1.0_dev.jsonl here"),
    ],
)
@pytest.mark.parametrize("on_error", ["fail", "skip"])
def test_a_bad_file(tmp_path, snli, spoil, where, problem, on_error):
    out = tmp_path / "prepared" / "snli"
    assert prepare("snli", "--source", snli, "--out", out).exit_code == 0
    spoil(snli / "snli_1.0_dev.jsonl")
    place = snli / where if where else snli
    check_refused(out, place, problem, "snli", "--source", snli, "--on-error", on_error)


def test_a_wrong_magic_number(tmp_path):
    source, out = tmp_path / "official", tmp_path / "prepared" / "mnist"
    source.mkdir()
    write_mnist(source, train=5_010, suffix="")
    assert prepare("mnist", "--source", source, "--out", out).exit_code == 0
    path = source / "t10k-images-idx3-ubyte"
    path.write_bytes(struct.pack(">I", 2049) + path.read_bytes()[4:])
    check_refused(out, path, "wrong magic number 2049, 2051", "mnist", "--source", source)


def test_a_folder_instead_of_a_file_of_ones_own(tmp_path):
    (tmp_path / "rows.jsonl").mkdir()
    result = prepare(tmp_path / "rows.jsonl")
    assert result.exit_code == 3
    assert f"{tmp_path / 'rows.jsonl'}: no training file here" in result.stderr


def test_no_permission_to_write(tmp_path, snli):
    (tmp_path / "file").write_text("mine")
    result = prepare("snli", "--source", snli, "--out", tmp_path / "file" / "below")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"arae-toolkit: error: {tmp_path / 'file'}: cannot write here")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk(tmp_path, snli, monkeypatch):
    out = tmp_path / "prepared" / "snli"
    assert prepare("snli", "--source", snli, "--out", out).exit_code == 0
    before = contents(out)

    def full(*arguments, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.save", full)
    result = prepare("snli", "--source", snli, "--out", out, "--max-length", "5")
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr.splitlines()[-1]
    assert contents(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["snli"]


def test_a_folder_of_something_else_is_never_overwritten(tmp_path, snli):
    out = tmp_path / "thesis"
    shutil.copytree(snli, out)
    check_refused(out, out, "is no prepared corpus; choose another --out", "snli", "--source", snli)
