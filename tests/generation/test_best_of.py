"""The best of several draws, against a slow reading of each draw."""

import math

import numpy as np
import pytest
import small
import torch
from plain_decoder import PlainSteps

from arae_toolkit.data.vocabulary import BOS, EOS, PAD
from arae_toolkit.evaluation.language_model import LanguageModelSettings, train_language_model
from arae_toolkit.generation.best_of import length_exponent, nats_of_ids
from arae_toolkit.generation.decoding import Decoding, Search
from arae_toolkit.models.arae import draw_sentences

SAMPLE = Decoding("sample", max_length=7)


@pytest.fixture(scope="module")
def arae():
    return small.model(small.vocabulary()).eval()


@torch.no_grad()
def slow_nats(decoder, code, words):
    """Nats and tokens of one sentence, step by step; one that was cut ends where it was cut."""
    words = words.tolist()
    words = [*words[: words.index(EOS)], EOS] if EOS in words else [*words, EOS]
    state, previous, total = decoder.start(code[None]), BOS, 0.0
    for word in words:
        scores, state = decoder.step(state, torch.tensor([previous]))
        total -= float(scores.log_softmax(dim=1)[0, word])
        previous = word
    return total, len(words)


def drawn_once(arae, blocks, *, seed):
    """Codes and ids of the first draws, as the sampler makes them: 512 at a time."""
    generator = torch.Generator().manual_seed(seed)
    codes, uniform = [], []
    arae.prior.sample(0, generator=generator)
    for _ in range(blocks):
        codes.append(arae.prior.sample(512, generator=generator))
        uniform.append(torch.rand(512, 7, generator=generator))
    with torch.no_grad():
        search = Search(arae.decoder, decoding=SAMPLE, max_length=7, device=arae.device)
        return torch.cat(codes), search(torch.cat(codes), torch.cat(uniform))


def test_the_best_is_the_one_of_the_fewest_nats_for_its_length(arae):
    """Draws 0 to 2 make the first sentence, 3 to 5 the second, and so on."""
    code, words = drawn_once(arae, 2, seed=3)
    read = [slow_nats(PlainSteps(arae.decoder), *row) for row in zip(code, words, strict=True)]
    nats, tokens = (np.array(part, dtype=float) for part in zip(*read, strict=True))
    assert len(set(tokens.tolist())) > 4, "all are of one length, and nothing is tested"
    exponent = np.polyfit(np.log(tokens[:512]), np.log(nats[:512]), 1)[0]
    scores = (nats / tokens**exponent)[:900].reshape(-1, 3)
    best = scores.argmin(axis=1) + 3 * np.arange(300)
    expected = [arae.vocabulary.decode(words[row].tolist()) for row in best]
    assert arae.sample(300, seed=3, decoding=SAMPLE, best_of=3) == expected


@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_a_sentence_depends_on_seed_and_number_alone(arae, method):
    decoding = Decoding(method)
    many = arae.sample(200, seed=1, decoding=decoding, best_of=4)
    assert many != arae.sample(200, seed=1, decoding=decoding)
    for count in (0, 1, 3, 4, 150):
        for batch_size in (2, 512):
            way = {"decoding": decoding, "batch_size": batch_size, "best_of": 4}
            assert arae.sample(count, seed=1, **way) == many[:count]


def test_the_best_of_one_is_what_is_drawn(arae, monkeypatch):
    monkeypatch.setattr("arae_toolkit.generation.best_of.nats_of_ids", None)  # nothing is read
    assert arae.sample(9, seed=1, best_of=1) == arae.sample(9, seed=1)


def test_less_than_one_draw_is_refused(arae):
    with pytest.raises(ValueError, match="best_of must be at least 1, got 0"):
        arae.sample(1, best_of=0)


def test_distinct_sentences_are_the_first_of_each_kind(arae):
    drawn = dict.fromkeys(arae.sample(600, batch_size=20, best_of=3))
    assert len(drawn) > 20
    blocks = draw_sentences(arae, 20, unique=True, best_of=3)
    assert [text for block in blocks for text in block] == list(drawn)[:20]


def test_a_decoder_without_preference_pays_alike_for_each_token():
    """Uniform scores: log V a token, the end of a cut sentence among them."""
    uniform = small.model(small.vocabulary())
    torch.nn.init.zeros_(uniform.decoder.projection.weight)
    torch.nn.init.zeros_(uniform.decoder.projection.bias)
    words = torch.tensor([[EOS, PAD, PAD], [5, EOS, PAD], [5, 6, EOS], [5, 6, 7]])
    nats, tokens = nats_of_ids(uniform.decoder, torch.zeros(4, 10), words)
    assert tokens.tolist() == [1, 2, 3, 4]
    assert nats.tolist() == pytest.approx(
        [n * math.log(len(uniform.vocabulary)) for n in (1, 2, 3, 4)]
    )
    assert length_exponent(nats, tokens) == pytest.approx(1)


def test_nats_are_those_of_reconstruction(arae):
    """Where a code is a text's own, they are what the model says of the text."""
    sentences = arae.vocabulary.encode_batch(small.SENTENCES)
    words = torch.full((len(sentences), 12), PAD)
    for row, sentence in enumerate(sentences):
        words[row, : len(sentence)] = torch.tensor(sentence)
    nats, tokens = nats_of_ids(arae.decoder, arae.encode(small.SENTENCES), words)
    expected, lengths = arae.nats(small.SENTENCES)
    assert nats.tolist() == pytest.approx(expected, rel=1e-5)
    assert tokens.tolist() == lengths


def test_likelier_sentences_are_chosen_and_none_shorter_on_average(arae):
    """The length is kept where nats a word would shorten: here short ones are the likelier."""
    code, words = drawn_once(arae, 4, seed=0)
    nats, tokens = nats_of_ids(arae.decoder, code, words)
    exponent = length_exponent(nats, tokens)

    def kept(power):
        rows = (nats / tokens**power).view(-1, 4).argmin(dim=1) + torch.arange(0, len(code), 4)
        return float(tokens[rows].mean()), float((nats / tokens)[rows].mean())

    ours, shortened = kept(exponent), kept(exponent - 0.5)
    assert abs(ours[0] / float(tokens.mean()) - 1) < 0.05
    assert shortened[0] < ours[0] - 0.2
    assert ours[1] < float((nats / tokens).mean())


def test_a_language_model_keeps_the_best_as_well():
    words = small.vocabulary()
    settings = LanguageModelSettings(embedding_size=8, hidden_size=8, iterations=10, batch_size=4)
    sentences = small.sentences(words)
    model = train_language_model(sentences, sentences, words, settings=settings)

    def drawn(best_of, sizes):
        return [t for block in model.sample_blocks(sizes, seed=2, best_of=best_of) for t in block]

    best = drawn(4, [5, 35])
    assert best[:7] == drawn(4, [7])
    assert model.read(best).perplexity < model.read(drawn(1, [40])).perplexity
