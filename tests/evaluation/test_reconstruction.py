import math

import numpy as np
import pytest
import small
import torch

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.evaluation import reconstruction
from arae_toolkit.evaluation.reconstruction import (
    codes_of,
    measure_reconstruction,
    measure_split,
    measure_swapped_reconstruction,
    restored_words,
)
from arae_toolkit.evaluation.text_overlap import corpus_bleu
from arae_toolkit.generation.decoding import decode


def test_reconstruction_equals_a_direct_count():
    """Nats, exactness and accuracy are those of the sentences taken one by one."""
    words = small.vocabulary()
    arae = small.model(words).eval()
    measured = measure_reconstruction(arae, small.store(words))
    nats, tokens = arae.nats(small.SENTENCES)
    back = arae.reconstruct(small.SENTENCES)
    exact = sum(a == b for a, b in zip(back, small.SENTENCES, strict=True))
    assert measured.nats_per_sentence == pytest.approx(sum(nats) / 8, rel=1e-4)
    assert measured.nats_per_token == pytest.approx(sum(nats) / sum(tokens), rel=1e-4)
    assert measured.exact == pytest.approx(100 * exact / 8)
    assert measured.sentences == 8


def test_a_uniform_decoder_costs_log_v_a_token():
    """With a projection of zeros every word is equally likely."""
    words = small.vocabulary()
    arae = small.model(words)
    with torch.no_grad():
        arae.decoder.projection.weight.zero_()
        arae.decoder.projection.bias.zero_()
    measured = measure_reconstruction(arae, small.store(words))
    assert measured.nats_per_token == pytest.approx(math.log(len(words)), rel=1e-5)


def test_no_swaps_cost_what_the_reconstruction_costs():
    """k = 0 is the plain reconstruction; more swaps change the codes."""
    words = small.vocabulary()
    arae, store = small.model(words), small.store(words)
    plain = measure_reconstruction(arae, store).nats_per_sentence
    found = [measure_swapped_reconstruction(arae, store, swaps=k, seed=0) for k in (0, 2)]
    assert found[0].nats_per_sentence == pytest.approx(plain)
    assert found[1].nats_per_sentence != pytest.approx(plain)


def test_sentences_too_short_for_the_swaps_are_left_out_and_counted():
    """With ``most_swaps`` every point of a curve is over the same sentences."""
    words = small.vocabulary()
    arae, store = small.model(words), small.store(words)
    rows = (store.host_lengths - 1 > 5).nonzero()[0]  # words, more than five
    assert 0 < len(rows) < len(store)
    left = measure_swapped_reconstruction(arae, store, swaps=5, seed=0)
    assert (left.sentences, left.too_short) == (len(rows), len(store) - len(rows))
    plain = measure_reconstruction(arae, store, rows=rows).nats_per_sentence
    none = measure_swapped_reconstruction(arae, store, swaps=0, most_swaps=5, seed=0)
    assert none.nats_per_sentence == pytest.approx(plain)
    assert none.too_short == left.too_short
    with pytest.raises(ValueError, match="words enough for 40 swaps"):
        measure_swapped_reconstruction(arae, store, swaps=40, seed=0)


def test_codes_come_in_the_order_of_the_rows():
    """Grouping by length stays inside."""
    words = small.vocabulary()
    arae, store = small.model(words).eval(), small.store(words)
    rows = np.array([6, 0, 3])
    expected = torch.cat([arae.encoder(store.batch(rows[i : i + 1])) for i in range(3)]).detach()
    torch.testing.assert_close(codes_of(arae, store, rows), expected)


def _edits(first, second):
    """Return the least number of words left out, put in or replaced, by its definition."""
    table = [list(range(len(second) + 1))]
    for row, word in enumerate(first, 1):
        table.append([row])
        for column, other in enumerate(second, 1):
            above, left, across = table[-2][column], table[-1][-1], table[-2][column - 1]
            table[-1].append(min(above + 1, left + 1, across + (word != other)))
    return table[-1][-1]


def _written(model, store):
    """Return what is written out of the codes of all rows, beside the rows."""
    written = []
    measure_reconstruction(model, store, written=written)
    return written


def test_restored_words_are_those_of_the_model_and_their_errors_edits():
    """BLEU and word errors are those of what ``reconstruct`` returns, sentence by sentence."""
    words = small.vocabulary()
    arae = small.model(words).eval()
    found = restored_words(_written(arae, small.store(words)))
    back = [text.split() for text in arae.reconstruct(small.SENTENCES)]
    gold = [text.split() for text in small.SENTENCES]

    errors = [_edits(*texts) for texts in zip(back, gold, strict=True)]
    assert found.word_errors == pytest.approx(100 * sum(errors) / sum(map(len, gold)))
    expected = corpus_bleu([" ".join(one) for one in back], [[text] for text in small.SENTENCES])
    assert found.bleu == pytest.approx(expected.score)


def test_an_exact_copy_has_no_word_errors(monkeypatch):
    words = small.vocabulary()
    store = small.store(words)
    monkeypatch.setattr(reconstruction, "decode", lambda *_, **__: batch_tokens.pop(0))
    batch_tokens = [batch.tokens for batch in reconstruction._batches(store, np.arange(len(store)))]
    found = restored_words(_written(small.model(words), store))
    assert (found.bleu, found.word_errors) == (100.0, 0.0)


def test_each_sentence_of_a_split_is_read_and_written_once(synthetic, monkeypatch):
    corpus = Corpus(synthetic)
    model = small.model(corpus.vocabulary).eval()
    read, written, told = [], [], []

    def counted(decoder, code, **options):
        written.append(len(code))
        return decode(decoder, code, **options)

    monkeypatch.setattr(reconstruction, "decode", counted)
    model.encoder.register_forward_hook(lambda *call: read.append(len(call[-1])))
    found = measure_split(model, corpus, "dev", rows=np.arange(40), advance=told.append)
    assert sum(read) == sum(written) == sum(told) == found["sentences"] == 40


def test_what_is_exact_depends_on_no_longest_sentence():
    """Written as far as the model goes, or as its batch: the same are word for word the same."""
    words = small.vocabulary()
    arae, store = small.model(words).eval(), small.store(words)
    assert measure_reconstruction(arae, store) == measure_reconstruction(arae, store, written=[])
