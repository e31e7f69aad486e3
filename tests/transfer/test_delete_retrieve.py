import itertools
import math

import numpy as np
import pytest
from small_transfer import MARKERS

from arae_toolkit.data.corpus import PackedSentences, pack
from arae_toolkit.data.vocabulary import EOS, UNKNOWN, Vocabulary
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.model_folder import load_model_folder, save_model_folder
from arae_toolkit.transfer.delete_retrieve.retrieval import TfidfRetrieval, marked_spans, markers_of
from arae_toolkit.transfer.delete_retrieve.rewriter import (
    DELETE_AND_REPLACE,
    DeleteRetrieve,
    build_delete_retrieve,
)
from arae_toolkit.transfer.model import TransferModel
from arae_toolkit.transfer.salience import NgramSalience
from arae_toolkit.transfer.systems import BY_FOLDER_KIND

FRAMES = (
    ("the soup was {} .", "my soup was {} again .", "their soup is {} ."),
    ("the staff was {} .", "my staff was {} again .", "their staff is {} ."),
    ("a {} room with a view .", "the {} room is here .", "another {} room again ."),
)
SAID = {
    "good": ("really tasty", "friendly", "lovely"),
    "bad": ("cold", "rude", "dirty"),
    "odd": ("blue", "square", "round"),
}
TRAINING = {
    name: [frame.format(word) for word, own in zip(words, FRAMES, strict=True) for frame in own]
    for name, words in SAID.items()
}
NAMES = tuple(TRAINING)


@pytest.fixture(scope="module")
def built(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "floor"
    return build_delete_retrieve(corpus, folder), folder


def by_hand(threshold=1.2):
    """Return a model of the sentences above, of all three attributes."""
    texts = [text for own in TRAINING.values() for text in own]
    words = Vocabulary.build(texts, size=100)
    labels = [number for number, own in enumerate(TRAINING.values()) for _ in own]
    train = pack(words.encode_batch(texts), vocab_size=len(words), labels=labels)
    salience = NgramSalience.count(train, 3, len(words), smoothing=0.5)
    markers = markers_of(train, salience, threshold=threshold)
    return DeleteRetrieve(
        words, NAMES, salience=salience, sentences=train, markers=markers, threshold=threshold
    )


def asked(model, *texts, to, count=1, strength=1.0, seed=0):
    """Return all proposals for texts, as texts."""
    sentences = model.vocabulary.encode_batch(texts)
    targets = [model.attributes.index(to)] * len(texts)
    proposals = model.propose(sentences, targets, count=count, strength=strength, seed=seed)
    return [[model.vocabulary.decode(one) for one in own] for own in proposals]


def test_the_most_salient_of_overlapping_ngrams_is_taken():
    salience = np.zeros((2, 7))
    salience[0, [1, 5]] = 2.0, 3.0  # words
    salience[1, [0, 1, 4]] = 1.0, 2.5, 3.0  # two words from here on
    assert marked_spans(salience, threshold=1.5) == [(1, 2), (5, 1)]
    assert marked_spans(salience, threshold=2.6) == [(5, 1)]
    assert marked_spans(salience, threshold=9.0) == []
    assert marked_spans(salience, threshold=0.5) == [(1, 2), (5, 1)]  # (0, 2) overlaps


def test_markers_that_follow_each_other_are_one():
    salience = np.array([[2.0, 2.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    assert marked_spans(salience, threshold=1.5) == [(0, 2), (3, 1)]


def test_markers_are_numbered_in_each_sentence_of_their_own_attribute():
    model = by_hand()
    words = model.vocabulary
    rows = [words.encode(text) for text in ("a dirty room , rude staff .", "the tasty soup .")]
    sentences = pack(rows, vocab_size=len(words), labels=[NAMES.index("bad"), -1])
    markers = markers_of(sentences, model.salience, threshold=1.2)
    text = [words.words[index] for index in rows[0]]
    assert markers[text.index("dirty")] != 0
    assert markers[text.index("rude")] == markers[: len(text)].max()
    assert not markers[len(rows[0]) :].any()  # without a label


def test_the_sentence_with_the_most_similar_other_words_is_found():
    """Oracle: cosines of TF-IDF by hand, over sentences of which each word is rare enough."""
    random = np.random.default_rng(3)
    rows = [[*random.integers(10, 70, 5).tolist(), 4 + number % 5, EOS] for number in range(60)]
    packed = pack(rows, vocab_size=70, labels=[0] * 60)
    markers = (np.asarray(packed.tokens) < 10) & (np.asarray(packed.tokens) > UNKNOWN)
    memory = TfidfRetrieval(packed, markers.astype(np.uint8), np.arange(60), vocab_size=70)
    contents = [row[:5] for row in rows]
    seen = {word: sum(word in content for content in contents) for word in range(10, 70)}
    assert max(seen.values()) <= 12  # a fifth of all: none is too common
    queries = [random.integers(10, 70, 5).tolist() for _ in range(20)]

    def vector(content):
        weights = np.zeros(70)
        for word in content:
            weights[word] += math.log((1 + 60) / (1 + seen[word])) + 1
        return weights / np.linalg.norm(weights)

    for query, found in zip(queries, memory.nearest(queries, count=1), strict=True):
        cosines = [vector(query) @ vector(content) for content in contents]
        assert found == [[[rows[int(np.argmax(cosines))][5]]]]


def test_words_of_most_sentences_are_not_compared():
    rows = [[20, 21 + number, 4 + number % 2, EOS] for number in range(20)]
    packed = pack(rows, vocab_size=50, labels=[0] * 20)
    markers = (np.asarray(packed.tokens) < 10) & (np.asarray(packed.tokens) > UNKNOWN)
    memory = TfidfRetrieval(packed, markers.astype(np.uint8), np.arange(20), vocab_size=50)
    assert memory.nearest([[20, 24]], count=1) == [[[[5]]]]
    # Nothing left to compare: the first sentences serve.
    assert memory.nearest([[20]], count=2) == [[[[4]], [[5]]]]


def test_a_marker_takes_the_place_of_one():
    """Oracle: what was said of the same thing under the target."""
    model = by_hand()
    for source, target in itertools.permutations(NAMES, 2):
        for old, new, frames in zip(SAID[source], SAID[target], FRAMES, strict=True):
            texts = [frame.format(old) for frame in frames]
            expected = [[frame.format(new)] for frame in frames]
            assert asked(model, *texts, to=target) == expected


def test_more_places_than_markers_close():
    [[text]] = asked(by_hand(), "a dirty room with cold soup .", to="good")
    assert text in ("a lovely room with soup .", "a really tasty room with soup .")


def test_what_marks_the_target_stays():
    text = "a blue room with round soup ."
    assert asked(by_hand(), text, to="odd", strength=0.9) == [[text]]


def test_strength_scales_the_threshold_and_leaves_neutral_sentences():
    model = by_hand()
    neutral = "the soup was ."
    assert asked(model, neutral, to="good", strength=0.5) == [[neutral]]
    assert asked(model, neutral, to="good", strength=1.0) != [[neutral]]
    assert asked(model, "the soup was cold .", to="good", strength=0.0) == [["the soup was cold ."]]
    assert asked(model, "the soup was cold .", to="good", strength=0.1) == [["the soup was cold ."]]


def test_a_planted_marker_is_swapped_and_the_rest_stays(built):
    model, _ = built
    texts = ["the soup was awful .", "the bread looks nasty again .", "the bar is great !"]
    targets = ["good", "good", "bad"]
    for text, to in zip(texts, targets, strict=True):
        [[result]] = asked(model, text, to=to)
        changed = [
            (old, new) for old, new in zip(text.split(), result.split(), strict=True) if old != new
        ]
        assert len(changed) == 1, result
        assert changed[0][1] in MARKERS[to]


def test_the_first_proposal_depends_on_nothing_else(built):
    model, _ = built
    texts = [f"the {noun} was {word} !" for noun in ("soup", "bar") for word in MARKERS["bad"]]
    alone = [asked(model, text, to="good")[0][0] for text in texts]
    together = asked(model, *texts, to="good", count=5, seed=4)
    assert [own[0] for own in together] == alone
    assert all(len(own) == 5 for own in together)
    assert len({*together[0]}) > 1
    assert asked(model, *reversed(texts), to="good", count=5)[::-1] == together


def test_every_proposal_is_a_sentence(built):
    model, _ = built
    sentences = [[EOS], [UNKNOWN, EOS], *model.vocabulary.encode_batch(["awful", "soup was ."])]
    targets = [model.attributes.index("good")] * len(sentences)
    for own in model.propose(sentences, targets, count=3, strength=1.0, seed=0):
        assert len(own) == 3
        for proposal in own:
            assert proposal[-1] == EOS
            assert proposal.count(EOS) == 1
            assert proposal.count(UNKNOWN) <= 1
            assert min(proposal) >= EOS
    assert model.propose([], [], count=2, strength=1.0, seed=0) == []


def test_a_saved_model_proposes_the_same(built, tmp_path):
    model, folder = built
    texts = ["the cake was bland .", "the menu looks lovely here .", "the soup was ."]
    model.save_pretrained(tmp_path / "copy")
    for saved in (folder, tmp_path / "copy"):
        loaded = BY_FOLDER_KIND[DELETE_AND_REPLACE].load(load_model_folder(saved), "fp32")
        assert loaded.attributes == model.attributes
        for to in model.attributes:
            expected = asked(model, *texts, to=to, count=4)
            assert asked(loaded, *texts, to=to, count=4) == expected


def test_building_again_finds_the_same_and_refuses_other_settings(built, corpus):
    model, folder = built
    again = build_delete_retrieve(corpus, folder)
    assert np.array_equal(again.salience.salience[0], model.salience.salience[0])
    with pytest.raises(CheckpointMismatch, match="holds a run with other settings"):
        build_delete_retrieve(corpus, folder, threshold=0.5)


def test_sentences_without_labels_are_refused(built, tmp_path):
    model, folder = built
    words, content = model.vocabulary, load_model_folder(folder)
    del content.tensors["memory.labels"]
    save_model_folder(tmp_path, config=content.config, vocabulary=words, tensors=content.tensors)
    with pytest.raises(CheckpointMismatch, match=f"{tmp_path}: weights and config disagree"):
        TransferModel.from_pretrained(tmp_path)
    sentences = PackedSentences(np.array([5, EOS]), np.array([0, 2]))
    with pytest.raises(ValueError, match="2 markers for 2 tokens of labelled"):
        DeleteRetrieve(
            words,
            model.attributes,
            salience=model.salience,
            sentences=sentences,
            markers=np.zeros(2, dtype=np.uint8),
            threshold=1.0,
        )
