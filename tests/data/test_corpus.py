import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.data.corpus import (
    UNLABELLED,
    Corpus,
    PackedSentences,
    open_array,
    pack,
    save_array,
)
from arae_toolkit.data.corpus_checks import MANIFEST_VERSION
from arae_toolkit.data.vocabulary import EOS, Vocabulary
from arae_toolkit.errors import DataError, NotFound

ROWS = [[5, 6, EOS], [EOS], [7, EOS]]


@given(st.lists(st.lists(st.integers(0, 70_000), min_size=1, max_size=9), max_size=12))
def test_packed_sentences_are_the_sentences(rows):
    packed = pack(iter(rows), vocab_size=70_001)
    assert len(packed) == len(rows)
    assert [packed[index].tolist() for index in range(len(packed))] == rows
    assert packed.lengths.tolist() == [len(row) for row in rows]


def test_more_than_one_block_is_joined_in_order():
    rows = [[index % 1000] * 7 for index in range(20_000)]  # 140,000 tokens, two blocks and a rest
    packed = pack(rows, vocab_size=1000)
    assert len(packed.tokens) == 140_000
    assert all(packed[index].tolist() == rows[index] for index in (0, 9361, 9362, 9363, 19_999))


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_536, np.uint16), (65_537, np.uint32)])
def test_tokens_are_as_small_as_the_vocabulary_allows(vocab_size, dtype):
    packed = pack([[vocab_size - 1, EOS]], vocab_size=vocab_size)
    assert packed.tokens.dtype == dtype
    assert packed[0].tolist() == [vocab_size - 1, EOS]


@pytest.mark.parametrize("labels", [None, [0, UNLABELLED, 1]])
def test_saved_sentences_are_opened_memory_mapped_and_unchanged(tmp_path, labels):
    pack(ROWS, vocab_size=10, labels=labels).save(tmp_path, "train")
    opened = PackedSentences.open(tmp_path, "train")
    assert isinstance(opened.tokens, np.memmap)
    assert [opened[index].tolist() for index in range(3)] == ROWS
    assert (opened.labels is None) if labels is None else (opened.labels.tolist() == labels)


def test_an_empty_split_can_be_saved_and_opened(tmp_path):
    pack([], vocab_size=10).save(tmp_path, "dev")
    assert len(PackedSentences.open(tmp_path, "dev")) == 0


@given(
    st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=9), min_size=1, max_size=9),
    st.lists(st.integers(0, 10**6), max_size=12),
)
def test_rows_come_in_the_order_asked_for_with_their_labels(rows, numbers):
    chosen = np.array([number % len(rows) for number in numbers], dtype=np.int64)
    packed = pack(rows, vocab_size=100, labels=range(len(rows))).at(chosen)
    assert [packed[index].tolist() for index in range(len(packed))] == [rows[i] for i in chosen]
    assert packed.labels.tolist() == chosen.tolist()
    assert pack(rows, vocab_size=100).at(chosen).labels is None


@pytest.mark.parametrize(("words", "kept"), [(0, ROWS), (1, ROWS[1:]), (2, ROWS), (9, ROWS)])
def test_sentences_of_at_most_some_words_do_not_count_their_end(words, kept):
    packed = pack(ROWS, vocab_size=10, labels=[7, 8, 9]).of_at_most(words)
    assert [packed[index].tolist() for index in range(len(packed))] == kept
    assert packed.labels.tolist() == [7, 8, 9][-len(kept) :]


def test_no_sentence_may_be_short_enough():
    packed = pack([[5, 6, EOS]], vocab_size=10, labels=[0]).of_at_most(1)
    assert (len(packed), packed.tokens.tolist(), packed.labels.tolist()) == (0, [], [])


def test_offsets_that_do_not_fit_the_tokens_are_refused():
    with pytest.raises(ValueError, match=r"\[5\], but there are 4 tokens"):
        PackedSentences(np.zeros(4, np.uint16), np.array([0, 5]))


def test_arrays_of_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"a\.npy"):
        open_array(tmp_path / "a.npy")
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        save_array(tmp_path / "a.npy", np.array([{}], dtype=object))


def truncated(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize("damage", [truncated, lambda _: b"", lambda content: b"\0" + content])
def test_a_damaged_array_is_one_line_that_names_it(tmp_path, damage):
    pack(ROWS, vocab_size=10).save(tmp_path, "train")
    path = tmp_path / "train.tokens.npy"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"train\.tokens\.npy: .*prepare again"):
        PackedSentences.open(tmp_path, "train")


def test_a_missing_array_is_named(tmp_path):
    pack(ROWS, vocab_size=10).save(tmp_path, "train")
    (tmp_path / "train.offsets.npy").unlink()
    with pytest.raises(DataError, match=r"train\.offsets\.npy"):
        PackedSentences.open(tmp_path, "train")


def write_corpus(folder, **changes):
    manifest = {
        **{"version": MANIFEST_VERSION, "name": "tiny", "kind": "text", "labels": ["bad", "good"]},
        **{"max_length": 4, "sha256": "0" * 64, "splits": {"train": {"sentences": 2}}},
        **{"pairs": {"train": {"pairs": 1}}, "image_shape": [2, 2]},
        **changes,
    }
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_corpus_gives_what_its_folder_holds(tmp_path):
    folder = write_corpus(tmp_path / "tiny")
    vocabulary = Vocabulary.build(["good food . bad food ."], size=10)
    vocabulary.save(folder / "tokenizer.json")
    ids = vocabulary.encode_batch(["good food .", "bad food ."])
    pack(ids, vocab_size=len(vocabulary), labels=[1, 0]).save(folder, "train")
    pack(ids, vocab_size=len(vocabulary), labels=[UNLABELLED]).save(folder, "pairs.train")
    save_array(folder / "train.pixels.npy", np.full((2, 4), 255, np.uint8))

    corpus = Corpus(folder)
    assert (corpus.name, corpus.kind, corpus.labels) == ("tiny", "text", ["bad", "good"])
    assert (corpus.max_length, corpus.sha256) == (4, "0" * 64)
    assert corpus.vocabulary.decode(corpus.split("train")[1]) == "bad food ."
    assert corpus.split("train").labels.tolist() == [1, 0]
    assert len(corpus.pairs("train")) == 2
    assert corpus.pairs("train").labels.tolist() == [UNLABELLED]
    assert corpus.pixels("train").tolist() == [[255] * 4] * 2


def test_a_folder_without_a_manifest_is_no_corpus(tmp_path):
    with pytest.raises(DataError, match=r"no prepared corpus here; run arae-toolkit prepare"):
        Corpus(tmp_path)


def test_a_corpus_of_another_version_is_refused(tmp_path):
    with pytest.raises(DataError, match="corpus version 99, this toolkit reads 1"):
        Corpus(write_corpus(tmp_path, version=99))


def test_a_damaged_tokenizer_is_refused(tmp_path):
    (write_corpus(tmp_path) / "tokenizer.json").write_text("{")
    with pytest.raises(DataError, match=r"tokenizer\.json: not the tokenizer of a corpus"):
        _ = Corpus(tmp_path).vocabulary


def test_a_split_that_is_not_there_is_named_with_those_that_are(tmp_path):
    with pytest.raises(DataError, match="no test split here, only train"):
        Corpus(write_corpus(tmp_path)).split("test")


def test_a_folder_is_named_as_text_or_as_a_path(synthetic):
    assert Corpus(str(synthetic)).folder == Corpus(synthetic).folder
    with pytest.raises(NotFound, match="no prepared corpus here"):
        Corpus(f"{synthetic}-nowhere")
