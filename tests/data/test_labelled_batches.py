import numpy as np
import pytest
import small
import torch

from arae_toolkit.data.corpus import pack
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.data.vocabulary import EOS, PAD, UNKNOWN

CPU = torch.device("cpu")
SENTENCES = [[4, EOS], [5, 5, EOS], [6, EOS], [7, EOS]]
LABELS = [1, 0, 1, 2]


def _store(**others):
    sentences = pack(SENTENCES, vocab_size=8, labels=LABELS)
    return AttributeStore(sentences, device=CPU, **others)


def _random():
    return torch.Generator().manual_seed(0)


def test_a_batch_holds_the_sentences_of_each_value_together():
    sentences = pack([[4, EOS], [5, 5, EOS], [6, EOS], [7, EOS]], vocab_size=8, labels=[1, 0, 1, 2])
    batch = AttributeStore(sentences, device=CPU).batch(np.array([3, 0, 1, 2]))
    assert batch.labels.tolist() == [0, 1, 1, 2]
    assert batch.tokens[:, 0].tolist() == [5, 4, 6, 7]
    assert {value: part.tokens.tolist() for value, part in batch.parts.items()} == {
        0: [[5, 5, EOS]],
        1: [[4, EOS], [6, EOS]],
        2: [[7, EOS]],
    }
    assert batch.tokens[1].tolist() == [4, EOS, PAD]
    assert len(batch) == 4 and batch.symbols == 9


def test_the_parts_are_the_whole():
    batch = _store().batch(np.array([1, 3, 2]))
    rows = [row[row != PAD].tolist() for row in batch.tokens]
    parts = [
        (value, row[row != PAD].tolist())
        for value in batch.parts
        for row in batch.parts[value].tokens
    ]
    assert parts == list(zip(batch.labels.tolist(), rows, strict=True))
    assert batch.symbols == sum(part.symbols for part in batch.parts.values())
    assert batch.lengths.tolist() == [len(row) for row in rows]


def test_values_that_do_not_occur_have_no_part():
    batch = _store().batch(np.array([2, 0]))
    assert list(batch.parts) == [1]
    assert batch.tokens.tolist() == [[6, EOS], [4, EOS]]  # in the order asked for


def test_an_encoder_reads_it_as_any_batch():
    words = small.vocabulary()
    ids = words.encode_batch(small.SENTENCES)
    labelled = pack(ids, vocab_size=len(words), labels=[1, 0] * 4)
    batch = AttributeStore(labelled, device=CPU).batch(np.arange(8))
    plain = small.store(words).batch(np.array([1, 3, 5, 7, 0, 2, 4, 6]))
    encoder = small.model(words).encoder
    assert torch.equal(encoder(batch), encoder(plain))
    assert (batch.row_name, batch.symbol_name) == (plain.row_name, plain.symbol_name)


def test_whatever_else_a_store_gives_is_as_without_labels():
    store = _store()
    plain = TokenStore(pack(SENTENCES, vocab_size=8), device=CPU)
    rows = np.array([3, 1, 0])
    assert len(store) == 4 and store.width(rows) == 3
    assert store.host_lengths.tolist() == [2, 3, 2, 2]
    found = store.batch_on_device(torch.from_numpy(rows), width=4)
    assert torch.equal(found.tokens, plain.batch_on_device(torch.from_numpy(rows), width=4).tokens)
    batches, order = store.grouped(rows, groups=2)
    lengths = torch.cat([batch.lengths for batch in batches])[order]
    assert lengths.tolist() == [2, 3, 2]


def test_words_are_hidden_from_the_encoder_by_their_own_values_chances():
    sentences = pack([[4, 5, EOS], [4, 5, EOS]], vocab_size=6, labels=[0, 1])
    chances = torch.zeros(2, 6)
    chances[0, 4] = chances[1, 5] = 1.0
    batch = AttributeStore(sentences, device=CPU, chances=chances).batch(np.arange(2))
    damaged = batch.corrupted(share=0.0, generator=torch.Generator().manual_seed(0))
    assert damaged.tokens.tolist() == [[UNKNOWN, 5, EOS], [4, UNKNOWN, EOS]]
    assert damaged.parts is batch.parts


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_without_chances_words_are_hidden_as_in_any_batch(share):
    batch = _store().batch(np.arange(4))
    found = batch.corrupted(share=share, generator=_random())
    expected = batch.whole.corrupted(share=share, generator=_random())
    assert torch.equal(found.tokens, expected.tokens)
    assert torch.equal(batch.tokens, _store().batch(np.arange(4)).tokens)
    assert (found.labels.tolist(), found.symbols) == ([0, 1, 1, 2], batch.symbols)


def test_a_word_stays_if_neither_its_share_nor_its_chance_hides_it():
    rows = 4000
    sentences = pack([[4, 5, EOS]] * rows, vocab_size=6, labels=[0] * rows)
    chances = torch.zeros(1, 6)
    chances[0, 4] = 0.5
    batch = AttributeStore(sentences, device=CPU, chances=chances).batch(np.arange(rows))
    hidden = batch.corrupted(share=0.2, generator=_random()).tokens == UNKNOWN
    found = hidden.float().mean(dim=0).tolist()
    assert found == pytest.approx([1 - 0.8 * 0.5, 0.2, 0.0], abs=0.03)
    assert not hidden[:, 2].any()
    everything = batch.corrupted(share=1.0, generator=_random()).tokens
    assert everything.tolist() == [[UNKNOWN, UNKNOWN, EOS]] * rows


@pytest.mark.parametrize("labels", [None, [0, -1]])
def test_a_store_refuses_sentences_without_a_label(labels):
    sentences = pack([[4, EOS], [4, EOS]], vocab_size=5, labels=labels)
    with pytest.raises(ValueError, match="needs a label"):
        AttributeStore(sentences, device=CPU)
