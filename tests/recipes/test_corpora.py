"""The corpus of a run is found again, though the run's folder names no place."""

import json

import pytest

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared import corpora


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
