"""The benchmark of several seeds at once: what it runs, what it makes of it, and a small run."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from arae_toolkit.benchmarks import common, seeds
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.cli import main
from arae_toolkit.reports.results import read_results


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpora") / "synthetic"
    words = ["prepare", "synthetic", "--size", "200", "--out", str(folder)]
    assert CliRunner().invoke(main, words).exit_code == 0
    return Corpus(folder)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Replace the trainings by nothing, which takes 30 seconds a job fewer each; return them."""
    now = [0.0]
    seen: list[list[str]] = []
    code = count()

    def run(command: list[str], **_: Any) -> Any:
        words = dict(word.split("=", 1) for word in command if word.startswith("--"))
        Path(words["--out"]).mkdir(parents=True)
        now[0] += 60 / int(words["--jobs"]) + next(code)
        seen.append(command)
        return SimpleNamespace(returncode=5 * (words["--seeds"] == "9"), stderr="one\nwhy\n")

    monkeypatch.setattr(common, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(seeds, "subprocess", SimpleNamespace(run=run))
    return seen


def _task(corpus: Corpus, number: int) -> seeds.Task:
    return seeds.Task(corpus, seeds=number, first=7, epochs=2, options=["--device=cpu"])


def test_the_two_ways_alternate(corpus: Corpus, commands: list[list[str]], tmp_path: Path) -> None:
    """The same command but for the jobs and the folder; the ratio is taken round by round."""
    here = common.setting("seeds", tmp_path)
    metrics = seeds.measure(here, _task(corpus, 4), jobs=2, rounds=2)
    jobs = [word for command in commands for word in command if word.startswith("--jobs")]
    assert jobs == ["--jobs=1", "--jobs=2", "--jobs=1", "--jobs=2"]
    assert len({command[-1] for command in commands}) == 4  # each in a folder of its own
    assert all("--seeds=4" in command and "--seed=7" in command for command in commands)
    # 60, 31, 62 and 33 seconds.
    assert metrics["one after another"]["value"] == 61
    assert metrics["at once"]["value"] == 32
    ratio = metrics["one after another, over at once"]["value"]
    assert ratio == pytest.approx((60 / 31 + 62 / 33) / 2, rel=1e-5)
    sentences = 4 * 2 * (corpus.rows("train") // 64 * 64)  # what is left over is skipped
    assert metrics["at once, rate"]["value"] == pytest.approx(
        (sentences / 31 + sentences / 33) / 2, rel=1e-5
    )


def test_a_training_that_fails_gives_no_result(
    corpus: Corpus, commands: list[list[str]], tmp_path: Path
) -> None:
    """What it said last is passed on."""
    with pytest.raises(ToolkitError, match="pretrain --seeds 9 failed: one; why"):
        seeds.measure(common.setting("seeds", tmp_path), _task(corpus, 9), jobs=2, rounds=1)
    assert len(commands) == 1


def test_the_command_line(
    corpus: Corpus, commands: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings reach the trainings; as many at once as pretrain would choose."""
    monkeypatch.setattr(seeds, "default_jobs", lambda number, on_gpu: number - 1)
    words = ["--corpus", str(corpus.folder), "--out", str(tmp_path), "--seeds", "3"]
    words += ["--preset", "paper-2018", "--set", "code_size=8", "--seed", "5", "--epochs", "3"]
    result = CliRunner().invoke(seeds.main, words)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'seeds.json'}\n"
    given = {"--preset=paper-2018", "--set=code_size=8", "--set=epochs=3", "--seed=5"}
    assert all(given <= set(command) for command in commands)
    written = read_results(tmp_path)["seeds"]
    assert written["seeds"] == [5, 6, 7]
    assert written["details"]["at once"] == 2
    assert written["corpus"]["sha256"] == corpus.sha256


@pytest.mark.slow
def test_it_runs(corpus: Corpus, tmp_path: Path) -> None:
    """With trainings of a few iterations."""
    small = ("embedding_size=8", "code_size=8", "hidden_size=8", "evaluation_sentences=20")
    words = ["--corpus", str(corpus.folder), "--out", str(tmp_path), "--rounds", "1"]
    words += ["--seeds", "2", "--jobs", "2", "--epochs", "1"]
    words += [word for setting in small for word in ("--set", setting)]
    result = CliRunner().invoke(seeds.main, words)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'seeds.json'}\n"
    assert read_results(tmp_path)["seeds"]["metrics"]["at once"]["value"] > 0


def test_its_failure_is_one_line(tmp_path: Path) -> None:
    """A corpus that is not there."""
    words = ["--corpus", str(tmp_path / "nowhere"), "--jobs", "2", "--out", str(tmp_path)]
    result = CliRunner().invoke(seeds.main, words)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
