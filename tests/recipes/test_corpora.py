"""The corpus of a run is found again, though the run's folder names no place."""

import json
from pathlib import Path

import pytest
import small_transfer
from command_line import call

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared import corpora
from arae_toolkit.transfer.delete_retrieve.rewriter import build_delete_retrieve
from arae_toolkit.transfer.infilling.settings import (
    InfillingConfig,
    InfillingModelConfig,
    InfillingTrainingConfig,
)
from arae_toolkit.transfer.infilling.training import train_infilling
from arae_toolkit.transfer.scorer.training import (
    ScorerConfig,
    ScorerSchedule,
    ScorerSizes,
    train_scorer,
)


@pytest.fixture
def run(synthetic, tmp_path):
    corpus = {"name": "captions-of-mine", "sha256": Corpus(synthetic).sha256, "labels": []}
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"corpus": corpus}))
    return folder


def test_it_is_found_by_its_content_where_it_lay_when_the_run_was_trained(synthetic, run):
    with pytest.raises(DataError, match="name its prepared folder with --corpus"):
        corpora.corpus_of_run("mine", None)
    corpora.remember(Corpus(synthetic))
    assert corpora.corpus_of_run("mine", None).folder == synthetic


@pytest.mark.parametrize(
    "content", [b"first,second,fits\n" + b"a,b,c\n" * 9, b"caf\xe9\na dog\na cat\n"]
)
def test_a_file_that_needs_options_of_prepare_is_told_so(tmp_path, content):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    told = r"rows\.csv:1: .*; 'arae-toolkit prepare' has options for how rows are read"
    with pytest.raises(DataError, match=told) as raised:
        corpora.open_pairs(str(path))
    assert "--no-header" not in str(raised.value)


def _pairs(path, labels):
    path.parent.mkdir(exist_ok=True)
    rows = [
        f"{path.stem} walks {n} miles,{path.stem} {n},{label}\n" for n, label in enumerate(labels)
    ]
    path.write_text("premise,hypothesis,label\n" + "".join(rows))
    return path


def test_a_label_that_train_does_not_know_has_its_way_out(tmp_path):
    folder = _pairs(tmp_path / "own" / "train.csv", ["yes", "no"] * 20).parent
    _pairs(folder / "dev.csv", ["no", "yess"])
    told = call("nli", "--corpus", folder, "--labels", "20", code=3).stderr.splitlines()[-1]
    assert told.endswith(
        f"{folder}/dev.csv:3: label 'yess' is none of train's (no, yes); 'arae-toolkit prepare "
        f"{folder}' has options for that: --labels-map yess=yes,no=no,yes=yes says which is meant, "
        "and --on-error skip leaves such rows out"
    )


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["-"], "no labelled pair in train;"),
        (["yes", "-"], "one label only in train, 'yes'"),
    ],
)
def test_pairs_of_less_than_two_labels_are_refused_before_any_training(tmp_path, labels, problem):
    path = _pairs(tmp_path / "own.csv", labels * 40)
    told = call("nli", "--corpus", path, "--labels", "full", code=3).stderr.splitlines()[-1]
    assert problem in told
    assert told.endswith("; see prepare --label-field and --labels-map")


def test_a_split_without_a_labelled_pair_is_named(tmp_path):
    folder = _pairs(tmp_path / "own" / "train.csv", ["yes", "no"] * 20).parent
    for split, label in (("dev", "yes"), ("test", "-")):
        _pairs(folder / f"{split}.csv", [label])
    told = call("nli", "--corpus", folder, "--labels", "20", code=3).stderr
    assert "no labelled pair in test, on which the classifier is measured; " in told


def test_another_corpus_in_its_place_is_not_taken(synthetic, run, tmp_path):
    corpora.remember(Corpus(synthetic))
    (note,) = (tmp_path / "cache" / "corpora-by-content").iterdir()
    note.write_text(str(tmp_path))
    with pytest.raises(DataError, match="is not found"):
        corpora.corpus_of_run("mine", None)


def test_a_run_of_anyones_names_no_file_to_be_read(synthetic, run, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(str(synthetic))
    content = json.loads((run / "config.json").read_text())
    content["corpus"]["sha256"] = f"../../{secret.name}"
    (run / "config.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="is not found"):
        corpora.corpus_of_run("mine", None)


def test_where_nothing_can_be_noted_work_goes_on(synthetic, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARAE_CACHE", str(tmp_path / "file"))
    corpora.remember(Corpus(synthetic))


SIZES = ("--set", "embedding_size=16", "--set", "code_size=16")
PAIRS = ("--corpus", "own.csv", "--device", "cpu", "--set", "batch_size=16", *SIZES)
LEARNS = [
    *("--model", "bilstm-max", "--encoder", "random", "--set", "epochs=14", "--set", "rate=0.01"),
    *("--set", "warmup=5", "--set", "embedding_dropout=0", "--set", "dropout=0"),
    *("--set", "hidden_size=16"),
]
OF_PAIRS = {
    "classifier": ("nli", *PAIRS, "--labels", "full", "--seeds", "1", *LEARNS),
    "encoder": ("nli", "pretrain", *PAIRS, "--set", "epochs=1"),
}
INFILLING = InfillingConfig(
    InfillingModelConfig(8, 8, 4, 8), InfillingTrainingConfig(batch_size=64, iterations=2)
)
OF_LABELS = {
    "infilling": lambda corpus, out: train_infilling(corpus, INFILLING, out),
    "delete-and-replace": build_delete_retrieve,
    "scorer": lambda corpus, out: train_scorer(
        corpus, ScorerConfig(ScorerSizes(8, 8, 8), ScorerSchedule(600, epochs=1)), out
    ),
}


@pytest.mark.parametrize("kind", OF_PAIRS)
def test_a_run_of_pairs_names_its_corpus_to_runs_and_report(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"a man walks {n} miles,he {w} {n},{w}\n" for n in range(60) for w in ("yes", "no")]
    Path("own.csv").write_text("premise,hypothesis,label\n" + "".join(rows))
    call("prepare", "own.csv", "--dev-share", "0.2", "--test-share", "0.2")
    call(*OF_PAIRS[kind], "--out", "runs/it")
    check_named(tmp_path, "own")
    assert "--corpus" not in call("report", "runs/it").stderr
    assert "trained on own" in Path("runs/it/report.html").read_text()


@pytest.mark.parametrize("kind", OF_LABELS)
def test_a_run_of_labelled_sentences_names_its_corpus(kind, tmp_path):
    corpus = small_transfer.small_labelled_corpus(tmp_path / "there")
    corpora.remember(corpus)
    OF_LABELS[kind](corpus, tmp_path / "runs" / "it")
    check_named(tmp_path, corpus.name)
    assert corpora.corpus_of_run("it", None).folder == corpus.folder


def check_named(tmp_path, name):
    """It is the name that runs tells, and no configuration names a folder of the machine."""
    (one,) = json.loads(call("runs", "--json").stdout)["runs"]
    assert one["corpus"] == name
    for path in (tmp_path / "runs").rglob("config.json"):
        assert str(tmp_path) not in path.read_text()


def test_a_run_of_an_earlier_version_is_told_by_the_content_of_its_corpus(synthetic, run):
    facts = {"kind": "infilling", "run": {"corpus": Corpus(synthetic).sha256}}
    (run / "config.json").write_text(json.dumps(facts))
    with pytest.raises(DataError, match="does not name its corpus"):
        corpora.corpus_of_run("mine", None)
    corpora.remember(Corpus(synthetic))
    assert corpora.corpus_of_run("mine", None).folder == synthetic
