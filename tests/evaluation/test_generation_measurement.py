import json
import math
from functools import partial

import numpy as np
import pytest
import small
import torch
from source_files import no_progress

from arae_toolkit.data.corpus import Corpus, pack, texts_of
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus
from arae_toolkit.evaluation.generation import cells as cells_module
from arae_toolkit.evaluation.generation.cells import Cells, fingerprint
from arae_toolkit.evaluation.generation.measurement import (
    WHOLE_TRAIN,
    Encoder,
    GenerationMeasurement,
    GenerationSettings,
    Subject,
    real_subjects,
)
from arae_toolkit.evaluation.kept_judges import kept_language_model
from arae_toolkit.evaluation.language_model import LanguageModel, LanguageModelSettings
from arae_toolkit.generation.decoding import Decoding
from arae_toolkit.models.language_model import LanguageModelNetwork

JUDGE = LanguageModelSettings(
    embedding_size=24, hidden_size=24, batch_size=16, most_epochs=12, rate=0.02, softmax_samples=0
)
SETTINGS = GenerationSettings(
    judge=JUDGE, forward_sentences=80, self_bleu_sentences=20, nearest_sentences=30
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Return a small corpus of which a fifth is the judges'."""
    out = tmp_path_factory.mktemp("corpora") / "divided"
    options = PrepareOptions(size=600)
    return Corpus(
        prepare_corpus("synthetic", out=out, options=options, report=str, progress=no_progress)
    )


def uniform_model(vocabulary):
    network = LanguageModelNetwork(len(vocabulary), embedding_size=4, hidden_size=4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    return LanguageModel(network.eval(), vocabulary, LanguageModelSettings(4, 4), math.nan)


def lengths_of(texts):
    """Features that a test can foretell: words, and characters."""
    return np.array([[len(text.split()), len(text)] for text in texts], dtype=np.float32)


def measurement(corpus, folder, **more):
    judge = uniform_model(corpus.vocabulary)
    asked = {"judge": judge, "cells": Cells(folder), "settings": SETTINGS, **more}
    return GenerationMeasurement(corpus, "test", **asked)


def test_real_text_copies_and_one_repeated_sentence_are_told_apart(corpus, tmp_path):
    measure = measurement(corpus, tmp_path, encoder=Encoder(lengths_of, "lengths"))
    train = corpus.split("train")
    one = train.at(np.zeros(len(train), dtype=np.int64))
    real, copied, repeated = (
        measure.of(name, subject)
        for name, subject in {
            "test": Subject(corpus.split("test"), real=True),
            "copied": Subject(train),
            "repeated": Subject(one, parameters=7),
        }.items()
    )
    size = pytest.approx(len(corpus.vocabulary), rel=1e-5)  # all words are equally likely
    for found in (real, copied, repeated):
        assert found["forward_perplexity"] == {"value": size, "low": size, "high": size}
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert found["forward_sentences"] == min(80, found["sentences"])
    assert real["reverse_perplexity"] is real["frechet"] is real["mauve"] is None
    assert copied["found_in_train"] == copied["four_grams_in_train"] == 100
    assert copied["nearest_edits"] == 0 < real["nearest_edits"]
    assert real["found_in_train"] == 0
    assert repeated["distinct_sentences"] == pytest.approx(100 / len(train))
    assert repeated["diversity"] < 0.01 < copied["diversity"]
    assert repeated["self_bleu"] > copied["self_bleu"]
    assert repeated["parameters"] == 7
    reverse = [found["reverse_perplexity"] for found in (copied, repeated)]
    assert reverse[1]["value"] > 5 * reverse[0]["value"]
    assert reverse[0]["low"] < reverse[0]["value"] < reverse[0]["high"]
    assert repeated["frechet"] > copied["frechet"] >= 0
    assert repeated["mauve"] < 0.1 < copied["mauve"]


def test_without_an_encoder_and_with_few_sentences_some_measures_are_left_out(corpus, tmp_path):
    few = corpus.split("train").at(np.arange(5))
    found = measurement(corpus, tmp_path).of("few", Subject(few))
    assert found["reverse_perplexity"] is found["frechet"] is found["mauve"] is None
    assert found["forward_perplexity"] is not None


def test_a_killed_measurement_goes_on_and_changed_settings_are_measured(
    corpus, tmp_path, monkeypatch
):
    subject = Subject(corpus.split("train").at(np.arange(60)))
    whole = measurement(corpus, tmp_path / "whole").of("x", subject)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(GenerationMeasurement, "_reverse", killed)
        with pytest.raises(KeyboardInterrupt):
            measurement(corpus, tmp_path / "cells").of("x", subject)
    with monkeypatch.context() as patch:
        for part in ("_statistics", "_self_bleu", "_nearest", "_forward"):
            patch.setattr(GenerationMeasurement, part, killed)
        assert measurement(corpus, tmp_path / "cells").of("x", subject) == whole
        patch.setattr(GenerationMeasurement, "_reverse", killed)
        assert measurement(corpus, tmp_path / "cells").of("y", subject) == whole
        with pytest.raises(KeyboardInterrupt):  # other sentences
            measurement(corpus, tmp_path / "cells").of("x", Subject(corpus.split("dev")))
        with pytest.raises(KeyboardInterrupt):  # another number of them is compared
            other = GenerationSettings(**{**vars(SETTINGS), "nearest_sentences": 7})
            measurement(corpus, tmp_path / "cells", settings=other).of("x", subject)


def test_a_damaged_cell_is_measured_again(tmp_path):
    cells, counted = Cells(tmp_path), []

    def compute():
        counted.append(1)
        return {"value": 7}

    assert cells.value("part", {"seed": 1}, compute) == {"value": 7}
    assert cells.value("part", {"seed": 1}, compute) == {"value": 7}
    assert len(counted) == 1
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text()[:30])
    assert cells.value("part", {"seed": 1}, compute) == {"value": 7}
    assert cells.value("part", {"seed": 2}, compute) == {"value": 7}
    assert len(counted) == 3


def test_kept_sentences_come_back_as_they_were(tmp_path):
    sentences, cells, counted = small.sentences(small.vocabulary()), Cells(tmp_path), []

    def make():
        counted.append(1)
        return sentences

    for _ in range(2):
        again = cells.sentences("samples", {"seed": 1}, make)
        assert fingerprint(again) == fingerprint(sentences)
    assert len(counted) == 1
    next(tmp_path.glob("*.tokens.npy")).write_bytes(b"")
    assert fingerprint(cells.sentences("samples", {"seed": 1}, make)) == fingerprint(sentences)
    assert len(counted) == 2
    moved = pack([[5, 2], [6, 7, 2]], vocab_size=9), pack([[5, 2, 6], [7, 2]], vocab_size=9)
    assert fingerprint(moved[0]) != fingerprint(moved[1])


def test_real_text_stands_beside_the_systems(corpus):
    rows = corpus.rows("train")
    subjects = real_subjects(corpus, "test", 50, seed=0)
    assert list(subjects) == ["real test", "real train", WHOLE_TRAIN]
    assert [len(s.sentences) for s in subjects.values()] == [corpus.rows("test"), 50, rows]
    assert [s.real for s in subjects.values()] == [True, False, False]
    again = real_subjects(corpus, "test", 50, seed=0)["real train"].sentences
    assert fingerprint(again) == fingerprint(subjects["real train"].sentences)
    assert list(real_subjects(corpus, "dev", rows, seed=0)) == ["real dev", WHOLE_TRAIN]


def test_a_kept_language_model_is_found_again_and_writes_sentences(corpus, tmp_path):
    notes = []
    asked = {"folder": tmp_path, "settings": JUDGE, "note": notes.append}
    judge, of_train, again = (
        kept_language_model(corpus, split=split, **asked) for split in (None, "train", "train")
    )
    told = ["language-model", "language-model-train"]
    assert [note.split(":")[0] for note in notes] == [name for name in told for _ in range(2)]
    assert again.held_out_perplexity == of_train.held_out_perplexity
    assert again.held_out_perplexity != judge.held_out_perplexity

    def written(seed, **decoding):
        asked = Decoding(method="sample", max_length=9, **decoding)
        return [t for b in of_train.sample_blocks([7, 20], seed=seed, decoding=asked) for t in b]

    texts = written(0)
    assert len(texts) == 27
    assert len(set(texts)) > 20
    assert max(len(text.split()) for text in texts) <= 9
    assert texts == written(0) != written(1)
    assert len(set(written(0, temperature=0.05))) < len(set(texts))
    known = texts_of(corpus.split("test"), corpus.vocabulary)
    cold = of_train.read(written(0, temperature=0.3)).perplexity
    assert cold < of_train.read(known).perplexity


def test_seconds_of_cells_are_those_of_all_their_parts_whenever_they_ran(tmp_path, monkeypatch):
    """A cell that was begun before has its parts' time as well, each part once."""
    clock = [0.0]
    monkeypatch.setattr(cells_module.time, "monotonic", lambda: clock[0])

    def takes(seconds, *parts):
        def compute():
            for part in parts:
                part()
            clock[0] += seconds
            return {"done": seconds}

        return compute

    before = Cells(tmp_path)
    before.value("part", {"n": 1}, takes(10))
    assert (before.seconds, before.spent) == (10, 10)
    now = Cells(tmp_path)
    first, second = (partial(now.value, "part", {"n": n}, takes(10 * n)) for n in (1, 2))
    now.value("whole", {}, takes(3, first, second))
    assert (now.seconds, now.spent) == (33, 23)
    later = Cells(tmp_path)
    later.value("whole", {}, takes(3))
    assert (later.seconds, later.spent) == (33, 0)
