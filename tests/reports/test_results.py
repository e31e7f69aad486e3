import json
import math
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from arae_toolkit.errors import DataError
from arae_toolkit.reports.results import read_result, read_results, summarise, write_result
from arae_toolkit.version import code_version

CORPUS: Any = {"name": "tiny", "rows": 12, "sha256": "ab" * 32}


def _write(folder: Path, name: str = "speed", **changed: Any) -> Path:
    content: dict[str, Any] = {
        "command": "python -m benchmarks.speed",
        "corpus": CORPUS,
        "seeds": [0],
        "device": "cpu",
        "seconds": 1.5,
        "metrics": {"rate": summarise([10.0, 14.0], "sentences/s")},
    }
    return write_result(folder, name, **(content | changed))


def test_what_is_written_is_read_again(tmp_path):
    path = _write(tmp_path / "new", details={"samples": ["a man runs ."]}, threads=2)
    assert path == tmp_path / "new" / "speed.json"
    (result,) = read_results(tmp_path / "new").values()
    assert list(result)[:8] == [
        *("name", "command", "commit", "corpus", "seeds", "device", "seconds", "metrics")
    ]
    assert result["corpus"] == CORPUS
    assert result["metrics"]["rate"]["value"] == 12
    assert result["metrics"]["rate"]["spread"] == pytest.approx(math.sqrt(8), rel=1e-5)
    assert result["details"] == {"samples": ["a man runs ."]}
    assert result["machine"]["threads"] == 2
    assert result["machine"]["cpu"]
    assert set(result["versions"]) == {"toolkit", "torch", "python"}


def test_results_come_in_the_order_of_their_names(tmp_path):
    for name in ("b", "a-2", "a"):
        _write(tmp_path, name)
    assert list(read_results(tmp_path)) == ["a", "a-2", "b"]


def test_the_median_is_not_moved_by_an_outlier_and_one_value_has_no_spread():
    assert summarise([1.0, 2.0, 90.0], "s", centre="median")["value"] == 2
    assert summarise([1.0, 2.0, 90.0], "s")["value"] == 31
    assert summarise([4.0], "s")["spread"] is None


@pytest.mark.parametrize("values", [[], [math.nan], [1.0, math.inf]])
def test_a_measurement_that_failed_is_no_result(values):
    with pytest.raises(ValueError, match="no result"):
        summarise(values, "nats")


@pytest.mark.parametrize(
    "changed",
    [
        {"metrics": {}},
        {"metrics": {"rate": {"value": math.nan, "spread": None, "unit": "s"}}},
    ],
)
def test_what_cannot_be_a_result_is_refused(tmp_path, changed):
    with pytest.raises(ValueError, match=r"\w"):
        _write(tmp_path, **changed)
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("name", ["../my run", "lauf für a/b", "@t0.8"])
def test_a_result_may_be_named_after_any_folder(tmp_path, name):
    path = _write(tmp_path / "results", name)
    assert path.parent == tmp_path / "results" and list(path.parent.iterdir()) == [path]
    assert read_result(path.parent, path.stem)["name"] == path.stem


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "x"}', "[" * 100_000])
def test_a_file_that_is_no_result_is_named(tmp_path, text):
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(DataError, match=r"broken\.json"):
        read_results(tmp_path)


def test_one_result_is_that_of_its_own_file_whatever_lies_beside(tmp_path):
    """Such as the earlier one under another name, which says the same name within."""
    _write(tmp_path, seconds=1.0).rename(tmp_path / "speed-before.json")
    _write(tmp_path, seconds=2.0)
    (tmp_path / "notes.json").write_text("[]")
    assert read_result(tmp_path, "speed")["seconds"] == 2.0
    with pytest.raises(DataError, match=r"notes\.json"):
        read_result(tmp_path, "notes")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_that_of_the_code_and_its_changes_show(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    assert code_version(package) == "unknown"
    (package / "__init__.py").write_text("")
    (tmp_path / "results").mkdir()

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q")
    assert code_version(package) == "unknown", "not a part of this repository yet"
    git("add", ".")
    git("commit", "-q", "-m", "start")
    commit = git("rev-parse", "HEAD")
    assert code_version(package) == commit
    (tmp_path / "results" / "speed.json").write_text(json.dumps({}))
    assert code_version(package) == commit, "results are what is written, not what is measured"
    (package / "new.py").write_text("")
    assert code_version(package) == f"{commit}+changes"


def test_two_writers_of_one_result_leave_a_whole_one(tmp_path):
    rates = {who: {"rate": summarise([float(who)] * 2, "sentences/s")} for who in range(1, 5)}
    samples = {who: ["a man runs ."] * 1000 * who for who in rates}

    def write(who: int) -> set[str]:
        for _ in range(15):
            _write(tmp_path, metrics=rates[who], details={"samples": samples[who]})
            (found,) = read_results(tmp_path).values()
            author = int(found["metrics"]["rate"]["value"])
            assert found["details"]["samples"] == samples[author]
        return {path.name for path in tmp_path.iterdir() if path.suffix == ".json"}

    with ThreadPoolExecutor(4) as pool:
        assert set.union(*pool.map(write, rates)) == {"speed.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["speed.json"]
