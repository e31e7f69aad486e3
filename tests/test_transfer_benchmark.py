"""The benchmark of transfer runs at small sizes, and measures what it says."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_rewriter
import small_transfer
from click.testing import CliRunner

from arae_toolkit.benchmarks import transfer_throughput
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import ToolkitError
from arae_toolkit.reports.results import read_results
from arae_toolkit.transfer.model import TransferModel


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return small_transfer.small_labelled_corpus(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "rewriter"
    return small_rewriter.save_model(run, attributes=("bad", "good"))


def _call(*arguments: object, code: int = 0) -> Any:
    done = CliRunner().invoke(transfer_throughput.main, [str(word) for word in arguments])
    assert done.exit_code == code, done.output
    return done


def test_rates_memory_and_the_first_row(folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    _call(
        *(folder, "--corpus", corpus.folder, "--count", 100, "--one-by-one", 10, "--rounds", 2),
        *("--lines", 4000, "--starts", 2, "--out", tmp_path),
    )
    result = read_results(tmp_path)["transfer_throughput"]
    values = {name: metric["value"] for name, metric in result["metrics"].items()}
    assert values["same texts"] == 100
    rates = result["details"]["sentences_per_second"]
    assert values["batches, rate"] == pytest.approx(np.median(rates["batches"]), rel=1e-4)
    assert values["batches over one by one"] > 0
    assert values["batches bf16, rate"] == pytest.approx(np.median(rates["batches bf16"]), rel=1e-4)
    assert values["batches bf16 over one by one"] > 0
    assert 50 < values["same texts bf16"] <= 100
    assert values["stream, answers"] == values["stream, rows"] == 4000
    assert 20 < values["stream, peak memory at the end"] < 4000
    growth = values["stream, peak memory at the end"] - values["stream, peak memory after a tenth"]
    assert values["stream, growth"] == pytest.approx(growth, abs=0.01)
    assert 0.1 < values["first row"] <= values["first row, slowest"] < 60
    assert result["corpus"]["sha256"] == corpus.sha256


def test_stream_and_starts_may_be_left_out(folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    few = ("--count", 10, "--one-by-one", 20, "--rounds", 2, "--lines", 0, "--starts", 0)
    _call(folder, "--corpus", corpus.folder, *few, "--out", tmp_path)
    metrics = read_results(tmp_path)["transfer_throughput"]["metrics"]
    assert not any("stream" in name or "first row" in name for name in metrics)


def test_sentences_are_to_become_the_next_label(folder: Path, corpus: Corpus) -> None:
    model = TransferModel.from_pretrained(folder)
    texts, targets = transfer_throughput.test_sentences(corpus, model, 400)
    dev = corpus.split("dev")
    assert texts[len(dev) :] == texts[: 400 - len(dev)]
    for text, target in zip(texts, targets, strict=True):
        assert any(
            word in text for word in small_transfer.MARKERS[{"good": "bad"}.get(target, "good")]
        )


def test_a_corpus_with_other_labels_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    run = small_rewriter.save_model(tmp_path / "run")
    done = _call(run, "--corpus", corpus.folder, "--out", tmp_path, code=1)
    assert "labelled bad, good, where the model knows negative, positive, neutral" in done.output


def test_rows_are_numbered_and_come_again() -> None:
    rows = list(islice(map(json.loads, transfer_throughput.numbered_rows(["a", "b"])), 3))
    assert rows == [{"id": 0, "text": "a"}, {"id": 1, "text": "b"}, {"id": 2, "text": "a"}]


def test_a_command_that_writes_nothing_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="has written nothing"):
        transfer_throughput.wait_for_first_row(["transfer", str(tmp_path), "--to", "x"], "a")


def test_the_program_explains_itself() -> None:
    assert "python -m arae_toolkit.benchmarks.transfer_throughput" in _call("--help").stdout
