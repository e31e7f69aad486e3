"""Corpora of Hugging Face datasets; what needs the library is skipped without it."""

import sys

import pytest
from command_line import call

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.interop import datasets as bridge

PLACES = ("park", "house", "street", "garden", "office", "school", "beach", "forest")


@pytest.fixture
def datasets():
    return pytest.importorskip("datasets", exc_type=ImportError)


def reviews(datasets, count, *, labels=("1", "2")):
    rows = [
        {"text": f"the {place} number {row} was fine .", "label": row % len(labels)}
        for row in range(count)
        for place in PLACES
    ]
    features = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=list(labels))}
    return datasets.Dataset.from_list(rows, features=datasets.Features(features))


@pytest.fixture
def saved(datasets, tmp_path):
    """Save a data set of labelled reviews as the library does."""
    parts = {"train": reviews(datasets, 20), "test": reviews(datasets, 24).select(range(160, 192))}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    return tmp_path / "saved"


def test_a_missing_library_is_one_line_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ToolkitError, match=r"arae-toolkit\[datasets\]"):
        bridge.open_data_set("someone/reviews", None)


def test_a_saved_data_set_is_a_corpus_with_the_names_of_its_labels(saved, tmp_path):
    out = tmp_path / "out"
    call("prepare", "reviews", "--source", f"hf:{saved}", "--out", out)
    corpus = Corpus(out)
    assert corpus.name == "reviews"
    assert corpus.labels == ["1", "2"]
    counts = corpus.manifest["splits"]
    # The judges' part and dev are taken from the 160 of train.
    assert counts["test"]["labels"] == {"1": 16, "2": 16}
    assert sum(counts[split]["sentences"] for split in counts) == 192
    assert [len(origin["sha256"]) for origin in corpus.manifest["sources"]] == [64, 64]
    assert str(tmp_path) not in (out / "manifest.json").read_text()
    again = call("prepare", "reviews", "--source", f"hf:{saved}", "--out", out)
    assert "up to date" in again.stderr


def test_a_prepared_name_is_a_corpus_of_later_commands(saved):
    call("prepare", "reviews", "--source", f"hf:{saved}")
    result = call("pretrain", "reviews", "--set", "nothing=1", code=2)
    assert "nothing" in result.stderr  # the corpus was found, the setting was not


def test_fields_are_named_where_they_are_others(datasets, tmp_path):
    rows = reviews(datasets, 20).rename_columns({"text": "review", "label": "stars"})
    rows.save_to_disk(str(tmp_path / "saved"))
    source = ("--source", f"hf:{tmp_path / 'saved'}", "--out", tmp_path / "out")
    refused = call("prepare", "reviews", *source, code=3)
    assert "no field 'text'; there are review, stars" in refused.stderr
    call("prepare", "reviews", *source, "--text-field", "review", "--label-field", "stars")
    assert Corpus(tmp_path / "out").labels == ["1", "2"]


def test_pairs_without_a_labelled_test_split_have_dev_in_its_place(datasets, tmp_path):
    def pairs(count, start, labelled=True):
        rows = [
            {
                "sentence1": f"a man {row} walks in the {place} .",
                "sentence2": f"someone {row} walks .",
                "label": row % 2 if labelled else -1,
            }
            for row in range(start, start + count)
            for place in PLACES
        ]
        names = datasets.ClassLabel(names=["entailment", "not_entailment"])
        text = datasets.Value("string")
        features = {"sentence1": text, "sentence2": text, "label": names}
        return datasets.Dataset.from_list(rows, features=datasets.Features(features))

    parts = {
        "train": pairs(20, 0),
        "validation": pairs(3, 30),
        "test": pairs(2, 40, labelled=False),
    }
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    out = tmp_path / "out"
    call("prepare", "rte", "--source", f"hf:{tmp_path / 'saved'}", "--out", out)
    corpus = Corpus(out)
    assert corpus.labels == ["entailment", "not_entailment"]
    found = {split: counts["pairs"] for split, counts in corpus.manifest["pairs"].items()}
    assert found == {"train": 144, "dev": 16, "test": 24}


def test_a_known_data_set_is_checked_by_sizes_and_names_of_labels(datasets, monkeypatch):
    """As the hub would give it; and a shorter one, or one with other labels, is another."""
    whole = {"train": reviews(datasets, 20), "test": reviews(datasets, 4)}
    known = bridge.Known({"train": 160, "test": 32}, "label", ("1", "2"), names=("bad", "good"))
    monkeypatch.setitem(bridge.KNOWN, "yelp_polarity", known)
    monkeypatch.setattr(datasets, "load_dataset", lambda name, config: datasets.DatasetDict(whole))
    found = bridge.open_data_set("yelp_polarity", None)
    assert found.labels == ("bad", "good")
    assert next(iter(found.splits["train"]()))["label"] == 0
    whole["train"] = reviews(datasets, 19)
    with pytest.raises(DataError, match="152 rows in train, 160 are expected"):
        bridge.open_data_set("yelp_polarity", None)
    whole["train"] = reviews(datasets, 20, labels=("one", "two"))
    with pytest.raises(DataError, match="labels one, two, 1, 2 are expected"):
        bridge.open_data_set("yelp_polarity", None)


def test_yelp_and_yahoo_have_the_sizes_that_their_papers_tell():
    sizes = {name: sum(known.rows.values()) for name, known in bridge.KNOWN.items()}
    assert sizes["yelp_polarity"] == 598_000
    assert sizes["yelp_review_full"] == 700_000
    assert sizes["yahoo_answers_topics"] == 1_460_000
    assert len(bridge.KNOWN["yahoo_answers_topics"].labels) == 10


def test_what_is_no_data_set_is_told_in_one_line(datasets, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="not a folder that save_to_disk wrote") as caught:
        bridge.open_data_set(str(tmp_path / "empty"), None)
    assert "\n" not in str(caught.value)


def test_a_path_of_that_name_is_meant_where_there_is_one(saved, tmp_path, monkeypatch):
    call("prepare", "reviews", "--source", f"hf:{saved}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews").mkdir()
    result = call("pretrain", "reviews", code=3)
    assert "no training file here" in result.stderr
