import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import arae_toolkit
from arae_toolkit.recipes.cli import main
from arae_toolkit.recipes.shared.progress import size_text


def doctor(*arguments):
    ended = CliRunner().invoke(main, ["doctor", *arguments])
    assert ended.exit_code == 0, ended.output
    return ended.stdout


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Make a source, a download, two corpora (one damaged) and two runs (one without a model)."""
    monkeypatch.setenv("ARAE_SOURCES", str(tmp_path / "sources"))
    source = tmp_path / "sources" / "snli"
    good, damaged = (tmp_path / "cache" / "corpora" / name for name in ("tiny", "torn"))
    trained, started = (tmp_path / "runs" / name for name in ("tiny", "young"))
    download = tmp_path / "cache" / "sources" / "yelp"
    for folder in (source, download, good, damaged, trained, started):
        folder.mkdir(parents=True)
    (source / "train.jsonl").write_bytes(b"x" * 2048)
    (download / "reviews.txt").write_text("fine food .")
    manifest = {"version": 1, "kind": "text", "splits": {"train": {"sentences": 12345}}}
    manifest |= {"name": "tiny", "labels": [], "max_length": 9, "sha256": "0" * 64}
    (good / "manifest.json").write_text(json.dumps(manifest))
    (damaged / "manifest.json").write_text("{")
    (trained / "config.json").write_text("{}")
    return tmp_path


def test_everything_that_is_there_is_found(places):
    findings = json.loads(doctor("--json"))
    (source,) = findings["sources"]["found"]
    assert (source["name"], source["files"], source["bytes"]) == ("snli", 1, 2048)
    tiny, torn = findings["corpora"]["found"]
    assert tiny["splits"]["train"]["sentences"] == 12345
    assert "no manifest of a corpus" in torn["problem"]
    assert [(run["name"], run["model"]) for run in findings["runs"]["found"]] == [
        ("tiny", True),
        ("young", False),
    ]
    (download,) = findings["downloads"]["found"]
    assert (download["name"], download["files"]) == ("yelp", 1)
    for place, folder in (
        ("sources", "sources"),
        ("downloads", "cache/sources"),
        ("corpora", "cache/corpora"),
        ("runs", "runs"),
    ):
        assert findings[place]["looked_in"] == str(places / folder)


def test_the_text_says_the_same(places):
    text = doctor()
    assert f"sources in {places / 'sources'} (set $ARAE_SOURCES to change)" in text
    assert "snli: 2.0 KiB in 1 files" in text
    assert "train 12,345 sentences" in text
    assert "unusable" in text
    assert "no model yet" in text


def test_a_folder_of_models_is_no_run_without_a_model(places):
    """Such as that of the judges, or of several seeds."""
    for name in ("judges/a", "judges/b", "arae/x/seed-0"):
        (places / "runs" / name).mkdir(parents=True)
        (places / "runs" / name / "config.json").write_text("{}")
    lines = doctor().splitlines()
    (judges,) = (line for line in lines if line.startswith("  judges: "))
    (arae,) = (line for line in lines if line.startswith("  arae: "))
    assert ", 2 models in it, " in judges and ", 1 model in it, " in arae
    assert "no model yet" not in judges + arae


def test_nothing_found_is_said_with_the_places(tmp_path):
    text = doctor()
    assert "sources in nowhere (set $ARAE_SOURCES to change)\n  none" in text
    assert (
        f"corpora in {tmp_path / 'cache' / 'corpora'} (set $ARAE_CACHE to change)\n  none" in text
    )
    assert f"runs in {tmp_path / 'runs'} (set $ARAE_RUNS to change)\n  none" in text


def test_the_build_of_torch_is_told(monkeypatch):
    """The metadata of PyPI's wheels do not name it."""
    import torch

    monkeypatch.setattr(torch, "__version__", "2.13.0+cu130")
    assert json.loads(doctor("--json"))["packages"]["torch"] == "2.13.0+cu130"


def test_the_machine_and_the_versions_are_told():
    import torch

    findings = json.loads(doctor("--json"))
    assert findings["toolkit"] == arae_toolkit.__version__
    assert findings["packages"]["torch"] == torch.__version__
    cpu, *others = findings["devices"]
    assert (cpu["device"], cpu["threads"]) == ("cpu", torch.get_num_threads())
    assert len(others) == torch.cuda.device_count()
    assert 0 < findings["memory"]["available_bytes"] <= findings["memory"]["total_bytes"]


def test_a_torch_that_does_not_load_is_a_finding_not_a_failure(tmp_path):
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.99: cannot open')")
    ended = subprocess.run(
        [sys.executable, "-c", "from arae_toolkit.recipes.cli import main; main(['doctor'])"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "torch cannot be imported (libcudart.so.99: cannot open)" in ended.stdout


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "unknown"), (0, "0 B"), (1023, "1023 B"), (1024**5 * 3, "3072.0 TiB")],
)
def test_sizes_are_told_in_binary_units(count, text):
    assert size_text(count) == text


def test_a_run_that_cannot_be_read_leaves_the_others_told(places, monkeypatch):
    whole = Path.iterdir

    def iterdir(folder):
        if folder.name == "young":
            raise PermissionError(13, "Permission denied")
        return whole(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    tiny, young = json.loads(doctor("--json"))["runs"]["found"]
    assert tiny["model"] and young["problem"] == "Permission denied"
    assert "young: 0 B in 0 files, unusable (Permission denied)" in doctor()


def test_a_file_that_goes_while_it_is_counted_is_left_out(places, monkeypatch):
    whole = Path.stat

    def stat(path, **how):
        if path.name == "config.json":
            raise FileNotFoundError(2, "No such file or directory")
        return whole(path, **how)

    monkeypatch.setattr(Path, "stat", stat)
    assert len(json.loads(doctor("--json"))["runs"]["found"]) == 2
