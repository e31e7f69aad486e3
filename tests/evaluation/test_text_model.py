"""Figures of a text model, and new sentences of it."""

from contextlib import contextmanager

import small

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.evaluation.generation.sample_statistics import CorpusTexts
from arae_toolkit.evaluation.reconstruction import measure_split
from arae_toolkit.evaluation.text_model import copied_share, measure_text_model, new_sentences
from arae_toolkit.models.arae import ARAE


def test_copies_are_counted():
    words = small.vocabulary()
    samples = ["a man runs .", "a dog runs .", "a dog sleeps .", "runs"]
    assert copied_share(samples, small.sentences(words), words) == 50


def test_figures_are_those_of_the_parts(undisturbed, synthetic):
    model, corpus = ARAE.from_pretrained(undisturbed), Corpus(synthetic)
    steps: dict[str, list[int]] = {}

    @contextmanager
    def progress(title, total):
        steps[title] = [total]
        yield steps[title].append

    figures = measure_text_model(model, corpus, samples=40, seed=3, progress=progress)
    assert list(steps) == [
        f"reconstruction of {corpus.rows(name):,} sentences of {name}" for name in ("dev", "test")
    ]
    assert all(total == sum(done) for total, *done in steps.values())
    assert list(figures.reconstruction) == ["dev", "test"]
    assert figures.reconstruction["dev"] == measure_split(model, corpus, "dev")
    assert figures.drawn == model.sample(40, seed=3)
    assert figures.distinct == 100 * len(set(figures.drawn)) / 40
    assert len(figures.swapped_nats) == 5
    assert figures.swapped + figures.too_short == corpus.rows("dev")
    assert figures.dimensions["size"] == model.code_size


def test_a_language_model_has_no_code_space_and_draws_its_words(synthetic):
    corpus = Corpus(synthetic)
    model = small.model(corpus.vocabulary, prior="none").eval()
    figures = measure_text_model(model, corpus, samples=30)
    assert figures.code_space == figures.dimensions == {}
    assert figures.swapped_nats == []
    assert figures.distinct > 50
    assert figures.reconstruction["test"]["bleu"] is None


def test_new_sentences_are_the_first_that_the_corpus_does_not_hold(synthetic):
    class Known(CorpusTexts):
        def hold(self, texts):
            return [text in held for text in texts]

    corpus = Corpus(synthetic)
    model = small.model(corpus.vocabulary).eval()
    drawn = model.sample(12, seed=1)
    held = {drawn[0], drawn[2]}
    expected = [text for text in drawn if text not in held][:4]
    before = drawn.index(expected[-1]) if expected.count(expected[-1]) == 1 else None
    found, left_out = new_sentences(model, 4, Known(corpus), seed=1)
    assert found == expected
    if before is not None:
        assert left_out == sum(text in held for text in drawn[:before])
    assert new_sentences(model, 4, None, seed=1) == (drawn[:4], 0)
    held.update(model.sample(300, seed=1))
    assert new_sentences(model, 4, Known(corpus), seed=1)[0] == []
