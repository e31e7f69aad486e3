import json
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
import small_transfer
import torch

from arae_toolkit.data.corpus import PackedSentences, pack, texts_of
from arae_toolkit.data.corpus_checks import sealed
from arae_toolkit.data.token_batches import batch_of
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.errors import CheckpointMismatch, DataError
from arae_toolkit.evaluation.classification import measure_classification
from arae_toolkit.evaluation.code_probe import probe_codes
from arae_toolkit.evaluation.kept_judges import load_kept
from arae_toolkit.evaluation.transfer.bilstm_classifier import (
    BiLSTMClassifierSettings,
    bilstm_classifier_of,
    train_bilstm_classifier,
)
from arae_toolkit.evaluation.transfer.evaluators import evaluators_of
from arae_toolkit.evaluation.transfer.fasttext_classifier import (
    MULTIPLIER,
    FastTextClassifierSettings,
    FastTextNetwork,
    fasttext_classifier_of,
    train_fasttext_classifier,
)
from arae_toolkit.evaluation.transfer.neural_classifier import labelled
from arae_toolkit.evaluation.transfer.ngram_classifier import (
    NgramClassifier,
    NgramClassifierSettings,
    train_ngram_classifier,
)
from arae_toolkit.models.model_folder import load_model_folder, save_model_folder
from arae_toolkit.storage.atomic_files import write_json

LABELS = ("cold", "warm", "hot")
WORDS = ["the", "a", "dog", "cat", "runs", "sleeps", "in", "park", "house", "red"]
SMALL = BiLSTMClassifierSettings(
    embedding_size=12, state_size=12, batch_size=16, most_epochs=4, rate=0.02, dropout=0.1
)

AVERAGED = FastTextClassifierSettings(hash_size=500, batch_size=16, rates=(0.01, 0.03))
KINDS = {
    "ngrams": NgramClassifier.of,
    "bilstm": bilstm_classifier_of,
    "fasttext": fasttext_classifier_of,
}


def marked(count, seed, *, labels=LABELS):
    """Return sentences with a marker word for each label somewhere, and their labels."""
    random = np.random.default_rng(seed)
    texts, classes = [], random.integers(len(labels), size=count)
    for label in classes:
        words = list(random.choice(WORDS, size=random.integers(3, 7)))
        words.insert(random.integers(len(words) + 1), labels[label])
        texts.append(" ".join(words))
    return texts, classes


@pytest.fixture(scope="module")
def ngram_judge():
    return train_ngram_classifier(*marked(200, 0), *marked(60, 1), labels=LABELS)


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.build([*WORDS, *LABELS], size=100)


def packed(vocabulary, texts, classes):
    return pack(vocabulary.encode_batch(texts), vocab_size=len(vocabulary), labels=classes.tolist())


@pytest.fixture(scope="module")
def neural_judge(vocabulary):
    splits = [packed(vocabulary, *marked(count, seed)) for count, seed in ((400, 0), (60, 1))]
    return train_bilstm_classifier(*splits, vocabulary, LABELS, settings=SMALL)


@pytest.fixture(scope="module")
def averaging_judge(vocabulary):
    splits = [packed(vocabulary, *marked(count, seed)) for count, seed in ((400, 0), (60, 1))]
    return train_fasttext_classifier(*splits, vocabulary, LABELS, settings=AVERAGED)


@pytest.fixture(params=["ngram_judge", "neural_judge", "averaging_judge"])
def judge(request):
    return request.getfixturevalue(request.param)


# --- learning --------------------------------------------------------------------------------


def test_a_judge_solves_a_planted_marker(judge):
    texts, classes = marked(100, 2)
    probabilities = judge.probabilities(texts)
    assert probabilities.shape == (100, 3)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert measure_classification(probabilities, classes, labels=LABELS).accuracy > 95
    assert judge.dev_accuracy > 95
    assert judge.labels == LABELS


def test_judging_does_not_depend_on_neighbours_case_or_spacing(judge):
    texts, _ = marked(40, 3)
    together = judge.probabilities(texts)
    alone = np.concatenate([judge.probabilities([text.upper() + " "]) for text in texts])
    assert np.allclose(together, alone, atol=1e-5)
    assert judge.probabilities([]).shape == (0, 3)


def test_an_empty_text_and_unknown_words_are_judged(judge):
    found = judge.probabilities(["", "zorb zorb"])
    assert np.isfinite(found).all()


def test_the_order_of_words_is_seen(vocabulary):
    """A judge of single words cannot tell ``hot dog`` from ``dog hot``; ours can."""
    random = np.random.default_rng(0)
    pairs = [("hot dog", 0), ("dog hot", 1)]

    def draw(count):
        rows = [pairs[random.integers(2)] for _ in range(count)]
        words = random.choice(WORDS[4:], size=(count, 2))
        texts = [f"{first} {row[0]} {last}" for row, (first, last) in zip(rows, words, strict=True)]
        return texts, np.array([label for _, label in rows])

    train, dev = draw(400), draw(60)
    ngrams = train_ngram_classifier(*train, *dev, labels=("a", "b"))
    splits = (packed(vocabulary, *train), packed(vocabulary, *dev), vocabulary, ("a", "b"))
    assert ngrams.dev_accuracy == 100
    assert train_bilstm_classifier(*splits, settings=SMALL).dev_accuracy > 95
    assert train_fasttext_classifier(*splits, settings=AVERAGED).dev_accuracy > 95


def test_values_count_alike_whatever_their_share():
    texts, classes = ["x"] * 90 + ["x"] * 10, np.array([0] * 90 + [1] * 10)
    judge = train_ngram_classifier(texts, classes, texts, classes, labels=("often", "seldom"))
    assert np.allclose(judge.probabilities(["x"]), 0.5, atol=1e-3)


def loosely_marked(count, seed):
    """Return sentences with a marker that is right four times in five, among many rare words."""
    random = np.random.default_rng(seed)
    labels = random.integers(2, size=count)
    markers = np.where(random.random(count) < 0.8, labels, 1 - labels)
    words = random.integers(400, size=(count, 6))
    texts = [
        " ".join([LABELS[marker], *(f"w{word}" for word in row)])
        for marker, row in zip(markers, words, strict=True)
    ]
    return texts, labels


def test_the_penalty_is_chosen_on_dev():
    """Hardly penalised, the rare words of train are learned by heart; dev is better without."""
    train, dev = loosely_marked(300, 0), loosely_marked(300, 1)
    for penalties in ((0.01, 100.0), (100.0, 0.01)):
        settings = NgramClassifierSettings(longest=1, inverse_penalties=penalties)
        options = {"labels": LABELS[:2], "settings": settings}
        judge = train_ngram_classifier(*train, *dev, **options)
        assert judge.settings["inverse_penalty"] == 0.01
        assert judge.dev_accuracy > 75
        assert train_ngram_classifier(*train, *train, **options).settings["inverse_penalty"] == 100


def test_it_is_the_weighting_of_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, classes = marked(200, 0)
    settings = NgramClassifierSettings(longest=2, inverse_penalties=(3.0,))
    ours = train_ngram_classifier(texts, classes, texts, classes, labels=LABELS, settings=settings)
    vectorizer = TfidfVectorizer(
        token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, sublinear_tf=True
    )
    theirs = LogisticRegression(C=3.0, class_weight="balanced", max_iter=2000, tol=1e-5)
    theirs.fit(vectorizer.fit_transform(texts), classes)
    others, _ = marked(50, 5)
    expected = theirs.predict_proba(vectorizer.transform(others))
    assert np.allclose(ours.probabilities(others), expected, atol=1e-3)


def test_a_second_training_gives_the_same_judge(neural_judge, averaging_judge, vocabulary):
    splits = [packed(vocabulary, *marked(count, seed)) for count, seed in ((400, 0), (60, 1))]
    texts, _ = marked(20, 4)
    for train, settings, first in (
        (train_bilstm_classifier, SMALL, neural_judge),
        (train_fasttext_classifier, AVERAGED, averaging_judge),
    ):
        again = train(*splits, vocabulary, LABELS, settings=settings)
        assert np.array_equal(again.probabilities(texts), first.probabilities(texts))


# --- fastText's model ------------------------------------------------------------------------


def test_scores_are_of_the_mean_over_words_and_hashed_bigrams():
    """By hand, sentence by sentence; ``<eos>``, id 2, is a word of each."""
    torch.manual_seed(0)
    network = FastTextNetwork(8, 3, embedding_size=4, hash_size=5)
    table = network.embedding.weight
    sentences = [[4, 5, 6, 2], [2], [7, 2]]
    found = network(batch_of(sentences, device=torch.device("cpu")))
    for row, ids in enumerate(sentences):
        pairs = [8 + (a * MULTIPLIER + b) % 5 for a, b in pairwise(ids)]
        mean = table[[*ids, *pairs]].mean(dim=0)
        assert torch.allclose(found[row], network.output(mean), atol=1e-6)


def test_the_rate_is_chosen_on_dev(vocabulary):
    """At a rate of next to nothing nothing is learned, wherever it stands among the rates."""
    splits = [packed(vocabulary, *marked(count, seed)) for count, seed in ((400, 0), (60, 1))]
    for rates in ((1e-7, 0.03), (0.03, 1e-7)):
        settings = replace(AVERAGED, rates=rates)
        judge = train_fasttext_classifier(*splits, vocabulary, LABELS, settings=settings)
        assert judge.settings["rate"] == 0.03
        assert judge.dev_accuracy > 95


# --- what cannot be learned ------------------------------------------------------------------


def test_a_label_that_does_not_occur_is_named():
    with pytest.raises(ValueError, match="'b': no training sentence has it"):
        train_ngram_classifier(
            ["x", "y"], np.array([0, 0]), ["x"], np.array([0]), labels=("a", "b")
        )


def test_sentences_without_a_label_are_left_out(vocabulary):
    sentences = packed(vocabulary, ["hot dog", "cat", "cold"], np.array([2, -1, 0]))
    kept, classes = labelled(sentences)
    assert texts_of(kept, vocabulary) == ["hot dog", "cold"]
    assert classes.tolist() == [2, 0]
    with pytest.raises(ValueError, match="no sentence has a label"):
        labelled(PackedSentences(sentences.tokens, sentences.offsets))


# --- kept on disk ----------------------------------------------------------------------------


def test_a_judge_comes_back_as_it_was(judge, tmp_path):
    judge.save(tmp_path / "kept", {"corpus": "abc"})
    again = KINDS[judge.name](load_model_folder(tmp_path / "kept"))
    texts, _ = marked(30, 6)
    assert np.array_equal(again.probabilities(texts), judge.probabilities(texts))
    assert (again.labels, again.dev_accuracy) == (judge.labels, judge.dev_accuracy)
    assert json.dumps(again.settings) == json.dumps(judge.settings)


def test_a_folder_with_the_ngrams_among_the_weights_gives_the_same_judge(ngram_judge, tmp_path):
    """As judges were written before the vocabulary was kept as JSON."""
    ngram_judge.save(tmp_path, {"corpus": "abc"})
    content = load_model_folder(tmp_path)
    vectorizer = content.config.pop("vectorizer")
    lines = bytearray("\n".join(vectorizer["vocabulary"]).encode())
    tensors = {
        **content.tensors,
        "ngrams": torch.frombuffer(lines, dtype=torch.uint8),
        "rarity": torch.tensor(vectorizer["idf"]),
    }
    save_model_folder(tmp_path, config=content.config, vocabulary=None, tensors=tensors)
    older = load_kept(tmp_path, {"corpus": "abc"}, NgramClassifier.of)
    texts, _ = marked(30, 6)
    assert np.array_equal(older.probabilities(texts), ngram_judge.probabilities(texts))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return small_transfer.labelled_corpus(tmp_path_factory.mktemp("corpora"))


def test_instruments_are_trained_once_and_kept(corpus, tmp_path):
    notes = []
    arguments = {"folder": tmp_path / "kept", "note": notes.append}
    first = evaluators_of(corpus, settings=small_transfer.EVALUATORS, **arguments)
    told = ["ngrams", "bilstm", "fasttext", "language-model"]
    assert [note.split(":")[0] for note in notes] == [name for name in told for _ in range(2)]
    assert first.classifiers[0].dev_accuracy > 85
    again = evaluators_of(corpus, settings=small_transfer.EVALUATORS, **arguments)
    assert len(notes) == 8
    texts = texts_of(corpus.split("test"), corpus.vocabulary)
    for one, other in zip(first.classifiers, again.classifiers, strict=True):
        assert np.array_equal(one.probabilities(texts), other.probabilities(texts))
    assert first.language_model.read(texts).perplexity == pytest.approx(
        again.language_model.read(texts).perplexity
    )


def test_judges_learn_the_part_of_train_that_no_system_learns(tmp_path, monkeypatch):
    """Without a share of their own they learn train, as before there was one."""
    learned = []

    def noted(texts, *others, **options):
        learned.append(set(texts))
        return train_ngram_classifier(texts, *others, **options)

    monkeypatch.setattr(f"{evaluators_of.__module__}.train_ngram_classifier", noted)
    for share, split in ((0.0, "train"), (0.25, "judges")):
        place, splits = tmp_path / split, {"train": small_transfer.rows()}
        corpus = small_transfer.prepared_corpus(place, splits, judges_share=share)
        found = evaluators_of(corpus, settings=small_transfer.EVALUATORS, folder=place / "kept")
        assert found.split == corpus.judges_split == split
        assert learned.pop() == set(texts_of(corpus.split(split), corpus.vocabulary))


def test_other_settings_and_a_cut_off_training_are_no_match(ngram_judge, tmp_path):
    run = {"corpus": "abc"}
    ngram_judge.save(tmp_path, run)
    assert load_kept(tmp_path, run, NgramClassifier.of) is not None
    assert load_kept(tmp_path, {"corpus": "other"}, NgramClassifier.of) is None
    assert load_kept(tmp_path / "nothing", run, NgramClassifier.of) is None
    weights = tmp_path / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-10])
    with pytest.raises(CheckpointMismatch, match="to have it trained again"):
        load_kept(tmp_path, run, NgramClassifier.of)
    weights.unlink()
    assert load_kept(tmp_path, run, NgramClassifier.of) is None


def test_a_corpus_without_labels_is_refused_in_one_line(corpus, tmp_path):
    path = tmp_path / "manifest.json"
    (tmp_path / "other").mkdir()  # without any other file
    write_json(path, sealed({**corpus.manifest, "labels": []}, tmp_path / "other"))
    with pytest.raises(DataError, match="two labels or more"):
        evaluators_of(type(corpus)(tmp_path))


# --- the probe of codes ----------------------------------------------------------------------


def codes_of(count, seed, *, shift):
    random = np.random.default_rng(seed)
    labels = random.integers(2, size=count)
    codes = random.normal(size=(count, 5)).astype(np.float32)
    codes[:, 0] = (codes[:, 0] + shift * labels) / 1000  # small, and found all the same
    return codes, labels


def test_a_probe_finds_what_is_there_and_nothing_else():
    there = probe_codes(*(codes_of(n, seed, shift=6) for seed, n in enumerate((600, 100, 200))))
    assert there.linear > 97
    assert there.perceptron > 97
    nothing = probe_codes(*(codes_of(n, seed, shift=0) for seed, n in enumerate((600, 100, 200))))
    assert abs(nothing.linear - 50) < 12
    assert abs(nothing.perceptron - 50) < 12
    assert 40 < nothing.majority < 60


def test_the_perceptron_finds_what_a_line_cannot():
    def xor(count, seed):
        codes = np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32)
        return codes, (codes[:, 0] * codes[:, 1] > 0).astype(np.int64)

    found = probe_codes(xor(2000, 0), xor(300, 1), xor(300, 2))
    assert found.perceptron > 85
    assert found.linear < 65


def test_the_majority_is_that_of_train():
    codes = np.random.default_rng(0).normal(size=(40, 3))
    train = codes, np.array([1] * 30 + [0] * 10)
    test = codes, np.array([1] * 10 + [0] * 30)
    assert probe_codes(train, test, test).majority == 25


@pytest.mark.parametrize(
    ("labels", "message"), [(np.zeros(4, int), "one value"), (np.zeros(3, int), "shape")]
)
def test_codes_that_teach_nothing_are_refused(labels, message):
    codes = np.zeros((4, 2))
    with pytest.raises(ValueError, match=message):
        probe_codes((codes, labels), (codes, np.zeros(4, int)), (codes, np.zeros(4, int)))


@pytest.mark.parametrize("size", [-1, 10**9, 10**30])
@pytest.mark.parametrize(
    ("kind", "settings", "name"),
    [("bilstm", asdict(SMALL), "state_size"), ("fasttext", asdict(AVERAGED), "hash_size")],
)
def test_sizes_of_kept_judges_are_bounded_before_memory_is_asked_for(
    vocabulary, tmp_path, kind, settings, name, size
):
    config = {"kind": kind, "run": {}, "settings": {**settings, name: size}, "labels": ["a", "b"]}
    tensors = {"output.weight": torch.zeros(2, 12)}
    save_model_folder(tmp_path, config=config, vocabulary=vocabulary, tensors=tensors)
    with pytest.raises(CheckpointMismatch, match=rf"settings\.{name} must be from 0 to 4096"):
        load_kept(tmp_path, {}, KINDS[kind])
