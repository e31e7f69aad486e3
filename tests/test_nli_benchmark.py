"""The benchmark of labelling pairs runs at small sizes, and its stream is what it says."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_pairs
from click.testing import CliRunner
from small_benchmarks import tiny_corpus

from arae_toolkit.benchmarks import nli_prediction, programs
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.results import read_results


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return tiny_corpus(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_pairs.save_model(tmp_path_factory.mktemp("runs") / "pairs")


def _call(*arguments: object, code: int = 0) -> Any:
    done = CliRunner().invoke(nli_prediction.main, [str(word) for word in arguments])
    assert done.exit_code == code, done.output
    return done


def test_rates_and_memory(folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    _call(
        *(folder, "--corpus", corpus.folder, "--count", 300, "--one-by-one", 20, "--rounds", 2),
        *("--lines", 2000, "--out", tmp_path),
    )
    result = read_results(tmp_path)["nli_prediction"]
    values = {name: metric["value"] for name, metric in result["metrics"].items()}
    assert values["same labels"] == 100
    rates = result["details"]["pairs_per_second"]
    assert values["batches, rate"] == pytest.approx(np.median(rates["batches"]), rel=1e-4)
    assert values["batches over one by one"] > 0
    assert values["stream, answers"] == values["stream, rows"] == 2000
    assert 20 < values["stream, peak memory after a tenth"] < 4000
    growth = values["stream, peak memory at the end"] - values["stream, peak memory after a tenth"]
    assert values["stream, growth"] == pytest.approx(growth, abs=0.01)
    assert result["corpus"]["sha256"] == corpus.sha256


def test_the_stream_may_be_left_out(folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    few = ("--count", 10, "--one-by-one", 2, "--rounds", 2, "--lines", 0)
    _call(folder, "--corpus", corpus.folder, *few, "--out", tmp_path)
    assert not any("stream" in name for name in read_results(tmp_path)["nli_prediction"]["metrics"])


def test_batches_are_those_of_the_model(corpus: Corpus) -> None:
    model = small_pairs.model()
    pairs = nli_prediction.test_pairs(corpus, 700)
    np.testing.assert_allclose(
        nli_prediction.in_batches(model, pairs), model.probabilities(pairs), rtol=1e-4
    )
    distinct = len(corpus.pairs("test")) // 2
    assert pairs[distinct : 2 * distinct] == pairs[:distinct][: 700 - distinct]


def test_generated_rows_are_numbered_and_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nli_prediction, "DISTINCT_ROWS", 6)
    rows = [json.loads(line) for line in islice(nli_prediction.generated_rows(), 9)]
    assert [row.pop("id") for row in rows] == list(range(9))
    assert rows[6:] == rows[:3] != rows[3:6]


def test_a_command_that_fails_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="exit code 1"):
        programs.run_on_stream(["nli", "predict", str(tmp_path)], iter(["x"] * 99), count=99)


def test_the_program_explains_itself() -> None:
    assert "python -m arae_toolkit.benchmarks.nli_prediction" in _call("--help").stdout
