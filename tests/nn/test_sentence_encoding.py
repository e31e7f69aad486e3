import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from arae_toolkit.data.token_batches import batch_of
from arae_toolkit.nn import sentence_encoding
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.nn.lstm_encoder import LSTMEncoder
from arae_toolkit.nn.sentence_encoding import SentenceReader
from arae_toolkit.ops.prefix_lstm import PrefixLSTM

CPU = torch.device("cpu")
WORDS, EOS = 9, 2
SENTENCES = [(3, 4, EOS), (3, EOS), (5, 6, 7, EOS), (3, 4, 8, EOS), (EOS,)]
each_kind = pytest.mark.parametrize("kind", [LSTMEncoder, BiLSTMEncoder])


def encoder_of(kind, seed=1):
    torch.manual_seed(seed)
    return kind(WORDS, embedding_size=5, code_size=6, state_size=8)


def alone(encoder, sentences):
    with torch.no_grad():
        return torch.cat([encoder(batch_of([list(one)], device=CPU)) for one in sentences])


def close(first, second):
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-6)


@each_kind
def test_what_is_kept_changes_no_vector(kind):
    """Sentences of the call before, or new ones, in any order."""
    encoder, reader = encoder_of(kind), SentenceReader()
    for sentences in (SENTENCES[:3], SENTENCES[1:], SENTENCES[::-1], SENTENCES[:1]):
        close(reader.read(encoder, sentences, encoder.codes_of), alone(encoder, sentences))


@each_kind
def test_a_sentence_of_the_call_before_is_not_read_again(kind, monkeypatch):
    encoder, reader, read = encoder_of(kind), SentenceReader(), []

    def codes_of(sentences, readers):
        read.append(list(sentences))
        return encoder.codes_of(sentences, readers)

    reader.read(encoder, SENTENCES[:2], codes_of)
    reader.read(encoder, SENTENCES[1:3], codes_of)
    reader.read(encoder, SENTENCES[:1], codes_of)
    assert read == [SENTENCES[:2], SENTENCES[2:3], SENTENCES[:1]]
    monkeypatch.setattr(sentence_encoding, "MOST_KEPT_SENTENCES", 2)
    reader.read(encoder, SENTENCES[2:], codes_of)
    reader.read(encoder, SENTENCES[:1], codes_of)
    assert read[3:] == [SENTENCES[2:]], "of a large call nothing is kept, but the one before it is"


@each_kind
def test_changed_weights_are_seen(kind):
    encoder, reader = encoder_of(kind), SentenceReader()
    before = reader.read(encoder, SENTENCES, encoder.codes_of)
    for weight in encoder.parameters():
        with torch.no_grad():
            weight += 0.1
        after = reader.read(encoder, SENTENCES, encoder.codes_of)
        close(after, alone(encoder, SENTENCES))
        assert not torch.equal(after, before)
        before = after
    encoder.load_state_dict(encoder_of(kind, seed=2).state_dict())
    close(reader.read(encoder, SENTENCES, encoder.codes_of), alone(encoder, SENTENCES))


def test_weights_whose_changes_are_not_counted_are_read_anew():
    with torch.inference_mode():
        encoder = encoder_of(LSTMEncoder)
        reader = SentenceReader()
        for _ in range(2):
            reader.read(encoder, SENTENCES, encoder.codes_of)
            encoder.embedding.weight.add_(0.1)
        close(reader.read(encoder, SENTENCES, encoder.codes_of), alone(encoder, SENTENCES))


def test_what_is_kept_starts_anew_once_it_is_large(monkeypatch):
    made = []
    monkeypatch.setattr(
        sentence_encoding, "MOST_KEPT_BYTES", 3 * 4 * 8 * 4
    )  # three words of four gates of eight numbers
    encoder, reader = encoder_of(LSTMEncoder), SentenceReader()
    monkeypatch.setattr(
        encoder, "readers", lambda: made.append(1) or (PrefixLSTM(encoder.lstm, encoder.embedding),)
    )
    for sentences in (SENTENCES[:2], SENTENCES[2:3], SENTENCES[3:], SENTENCES[:1]):
        close(reader.read(encoder, sentences, encoder.codes_of), alone(encoder, sentences))
    assert len(made) == 3


def through_pickle(one):
    return pickle.loads(pickle.dumps(one))  # noqa: S301 - our own


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle])
def test_a_copy_starts_with_nothing(copied):
    encoder, reader = encoder_of(LSTMEncoder), SentenceReader()
    reader.read(encoder, SENTENCES, encoder.codes_of)
    assert not copied(reader)._kept


@each_kind
def test_threads_may_share_one(kind):
    encoder, reader = encoder_of(kind), SentenceReader()
    parts = [SENTENCES[start : start + 2] for start in range(4)] * 8
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda part: reader.read(encoder, part, encoder.codes_of), parts))
    for part, vectors in zip(parts, found, strict=True):
        close(vectors, alone(encoder, part))
