"""The cross-aligned autoencoder: its soft words, who moves when, and a transfer that it learns."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file
from small_transfer import MARKERS, small_labelled_corpus
from torch.nn import functional

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.token_batches import batch_of
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.errors import CheckpointMismatch, DataError
from arae_toolkit.models.model_folder import load_model_folder, save_model_folder
from arae_toolkit.training.checkpoint import STATE
from arae_toolkit.training.loop import Interrupted
from arae_toolkit.transfer.cross_aligned.discriminators import Discriminators, discriminator_nats
from arae_toolkit.transfer.cross_aligned.experiment import train_cross_aligned
from arae_toolkit.transfer.cross_aligned.generator import Behaviour
from arae_toolkit.transfer.cross_aligned.network import CrossAligned, StateDiscriminator
from arae_toolkit.transfer.cross_aligned.rewriter import (
    CROSS_ALIGNED,
    CrossAlignedRewriter,
    sentence_nats,
)
from arae_toolkit.transfer.cross_aligned.settings import (
    CrossAlignedConfig,
    CrossAlignedSchedule,
    CrossAlignedSizes,
)
from arae_toolkit.transfer.cross_aligned.training import CrossAlignedTraining
from arae_toolkit.transfer.rewriter import network_of

CPU = torch.device("cpu")
QUICK = CrossAlignedConfig(
    CrossAlignedSizes(embedding_size=24, attribute_size=8, code_size=24, filters=8),
    CrossAlignedSchedule(
        batch_size=32,
        epochs=2,
        warmup=10,
        adversarial_sentences=6,
        adversarial_start=0.2,
        adversarial_warmup=5,
        dropout=0.1,
        discriminator_dropout=0.1,
        loss_bound=9.0,
        log_every=5,
        save_every=7,
        evaluation_sentences=40,
    ),
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return small_labelled_corpus(tmp_path_factory.mktemp("labelled"))


@pytest.fixture
def model() -> CrossAligned:
    """A network of three values over ten words."""
    model = CrossAligned(
        10,
        attributes=("a", "b", "c"),
        max_length=6,
        embedding_size=4,
        attribute_size=3,
        code_size=5,
        filters=4,
    )
    model.initialize(torch.Generator().manual_seed(0))
    torch.manual_seed(0)  # what a test draws beside
    return model


def _changed(**training):
    return replace(QUICK, training=replace(QUICK.training, **training))


def _train(corpus, folder, config=QUICK, **others):
    train_cross_aligned(
        corpus, config, folder, scorer_folder=corpus.folder.parent / "scorer", device=CPU, **others
    )


def _new_training(corpus, **changes):
    model = CrossAligned(
        len(corpus.vocabulary),
        attributes=corpus.labels,
        max_length=corpus.max_length,
        **asdict(QUICK.model),
    )
    model.initialize(torch.Generator().manual_seed(0))
    store = AttributeStore(corpus.split("train"), device=CPU)
    return CrossAlignedTraining(model, replace(QUICK.training, **changes), store)


def _behaviours_of(training, batch):
    """Return read and transferred behaviours of a batch, and what its reconstruction read."""
    model = training.model
    code = model.encoder(batch.whole, batch.labels)
    forced = model.generator.forced(model.generator.first_state(code, batch.labels), batch.whole)
    return training._behaviours(batch, code, forced, 0.5), forced


def _judges_of(training):
    return Discriminators(training.model.discriminators, dropout=0.0, generator=training.random)


def test_undecided_discriminators_cost_two_log_two():
    assert discriminator_nats(torch.zeros(4), torch.zeros(3)).item() == pytest.approx(
        2 * math.log(2)
    )
    assert discriminator_nats(torch.full((2,), 30.0), torch.full((2,), -30.0)).item() < 1e-9
    assert discriminator_nats(torch.zeros(0), torch.zeros(2)).item() == pytest.approx(math.log(2))


def test_a_cold_soft_word_is_the_likeliest_words_embedding(model):
    generator, state = model.generator, torch.randn(6, 8)
    likeliest = generator.projection(state).argmax(dim=1)
    cold = generator.soft_word(state, 1e-7)
    torch.testing.assert_close(cold, generator.embedding.weight[likeliest])
    hot = generator.soft_word(state, 1e6)
    torch.testing.assert_close(hot, generator.embedding.weight.mean(dim=0).expand(6, -1))


def test_soft_words_of_all_candidates_are_the_whole_softmax(model):
    generator = model.generator
    first = torch.randn(6, 8)
    gradients = []
    for soft_words in (0, 10):
        states = generator.free(first, steps=4, temperature=0.7, soft_words=soft_words).states
        model.zero_grad()
        # Beside a dense gradient of the same weights, as training has it.
        (states.square().sum() + generator.projection.weight.sum()).backward()
        gradients.append(
            (states, generator.projection.weight.grad, generator.embedding.weight.grad)
        )
    (states, projection, words), (few, few_projection, few_words) = gradients
    torch.testing.assert_close(few, states)
    torch.testing.assert_close(few_projection.to_dense(), projection)
    torch.testing.assert_close(few_words.to_dense(), words)


def test_the_gradient_of_a_soft_word_is_bounded(model, monkeypatch):
    generator, words = model.generator, []

    def watched(*arguments):
        words.append(type(generator).soft_word(generator, *arguments))
        words[-1].retain_grad()
        return words[-1]

    monkeypatch.setattr(generator, "soft_word", watched)
    largest = []
    for bound in (0.0, 1e-3):
        words.clear()
        states = generator.free(torch.ones(4, 8), steps=6, temperature=0.1, gradient_bound=bound)
        states.states.sum().backward()
        largest.append(max(word.grad.norm(dim=1).max().item() for word in words))
    assert largest[0] > 0.01 and largest[1] == pytest.approx(1e-3)


def test_a_cold_free_run_is_a_forced_run_over_its_own_words(model):
    generator, first = model.generator, torch.randn(5, 8)
    free = generator.free(first, steps=6, temperature=1e-7)
    words = generator.projection(free.states).argmax(dim=2).tolist()
    for row, length in enumerate(free.lengths.tolist()):
        own = words[row][:length]
        assert EOS not in own[:-1] and (own[-1] == EOS or length == 6)
        forced = generator.forced(first[row : row + 1], batch_of([own], device=CPU))
        torch.testing.assert_close(
            forced.states[0], free.states[row, :length], rtol=1e-4, atol=1e-5
        )


def test_the_steps_of_decoding_are_those_of_training(model):
    generator, first = model.generator, torch.randn(1, 8)
    sentence = [7, 4, 9, EOS]
    forced = generator.forced(first, batch_of([sentence], device=CPU))
    state, previous = generator.start(first), torch.tensor([1])
    for place, word in enumerate(sentence):
        scores, state = generator.step(state, previous)
        torch.testing.assert_close(scores[0], generator.projection(forced.states[0, place]))
        previous = torch.tensor([word])


def test_reconstruction_is_the_cross_entropy(model):
    batch, labels = batch_of([[4, 5, EOS], [6, EOS]], device=CPU), torch.tensor([2, 0])
    code = model.encoder(batch, labels)
    generator = model.generator
    forced = generator.forced(generator.first_state(code, labels), batch)
    scores = generator.projection(forced.states)
    expected = functional.cross_entropy(
        scores.flatten(0, 1), batch.tokens.flatten(), reduction="none"
    )
    expected = (expected.view(2, 3) * (batch.tokens != 0)).sum(dim=1)
    torch.testing.assert_close(sentence_nats(model, batch, labels, code), expected)
    torch.testing.assert_close(generator.nats(forced, batch), expected.sum())


def test_padding_changes_neither_code_nor_judgement(model):
    labels = torch.tensor([1, 1])
    both = batch_of([[4, 5, 6, 7, EOS], [8, EOS]], device=CPU)
    alone = batch_of([[8, EOS]], device=CPU)
    torch.testing.assert_close(
        model.encoder(both, labels)[1:], model.encoder(alone, labels[:1]), rtol=1e-4, atol=1e-6
    )
    discriminator = StateDiscriminator(state_size=8, filters=4, widths=(1, 2, 5))
    states, lengths = torch.randn(2, 5, 8), torch.tensor([5, 2])
    scores = discriminator(Behaviour(states, lengths))
    short = discriminator(Behaviour(states[1:, :2], lengths[1:]))
    torch.testing.assert_close(scores[1:], short)


@pytest.mark.parametrize("form", ["minimax", "non-saturating"])
def test_discriminators_and_autoencoder_move_apart(corpus, form):
    training = _new_training(corpus, adversarial_start=0.0, adversarial_form=form)
    model, judges = training.model, _judges_of(training)
    batch = training.store.batch(training.sampler.at(0))

    def losses():
        both, forced = _behaviours_of(training, batch)
        nats = model.generator.nats(forced, batch.whole)
        return both, nats + judges.against(*both, form).sum()

    before = {name: value.clone() for name, value in model.state_dict().items()}

    def moved():
        return {
            name.split(".")[0]
            for name, value in model.state_dict().items()
            if not torch.equal(value, before[name])
        }

    judges.step(*losses()[0], training.updates["discriminators"])
    assert moved() == {"discriminators"}
    assert all(parameter.grad is None for parameter in model.parameters())
    before.update({name: value.clone() for name, value in model.state_dict().items()})
    training.updates["autoencoder"].descend(losses()[1])
    assert moved() == {"encoder", "generator"}
    assert all(parameter.grad is None for parameter in model.parameters())


def test_yielding_makes_transferred_sentences_look_more_real(corpus):
    training = _new_training(corpus)
    model, judges = training.model, _judges_of(training)
    batch = training.store.batch(training.sampler.at(0))

    def losses():
        both, forced = _behaviours_of(training, batch)
        # The reconstruction, at next to no weight, makes all gradients dense.
        faint = 1e-6 * model.generator.nats(forced, batch.whole)
        return both, faint + judges.against(*both, "minimax").sum()

    for _ in range(5):
        judges.step(*losses()[0], training.updates["discriminators"])
    start = losses()[1]
    for _ in range(5):
        training.updates["autoencoder"].descend(losses()[1])
    assert losses()[1] < start


def test_nobody_yields_to_a_discriminator_that_cannot_tell(corpus):
    weights = []
    for changes in ({"loss_bound": 0.0}, {"loss_bound": 0.0, "adversarial_weight": 50.0}):
        training = _new_training(corpus, adversarial_start=0.0, adversarial_warmup=0, **changes)
        scalars = training.iteration(0)
        assert scalars["share_trusted"] == 0
        weights.append(
            {**training.model.encoder.state_dict(), **training.model.generator.state_dict()}
        )
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_temperature_falls_evenly_in_its_logarithm(corpus):
    training = _new_training(
        corpus,
        adversarial_start=0.5,
        first_temperature=1.0,
        last_temperature=0.01,
        temperature_fall=0.5,
    )
    half = training.begin
    quarter = (training.iterations - half) // 4
    assert training.temperature(half) == 1.0
    assert training.temperature(half + quarter) == pytest.approx(0.1, rel=0.2)
    assert training.temperature(training.iterations) == pytest.approx(0.01)


def test_transfers_of_three_values_go_to_every_other(model):
    sentences = [[4, 5, EOS], [6, EOS], [7, 8, 9, EOS]]
    rewriter = CrossAlignedRewriter(model.eval(), vocabulary=None)  # type: ignore[arg-type]
    own, wanted, code = rewriter._encoded(sentences, torch.tensor([0, 1, 2]))
    table = model.generator.attribute.weight
    torch.testing.assert_close(wanted, table)
    for row, sentence in enumerate(sentences):
        batch = batch_of([sentence], device=CPU)
        costs = {}
        for value in {0, 1, 2} - {row}:
            labels = torch.tensor([value])
            found = model.encoder(batch, labels)
            costs[value] = (sentence_nats(model, batch, labels, found).item(), found)
        best = min(costs, key=lambda value: costs[value][0])
        torch.testing.assert_close(own[row], table[best])
        torch.testing.assert_close(code[row], costs[best][1][0], rtol=1e-4, atol=1e-6)


def test_a_stopped_run_goes_on_to_the_same_numbers(corpus, tmp_path):
    whole, parted = tmp_path / "a" / "whole", tmp_path / "b" / "parted"
    _train(corpus, whole)
    calls = iter(range(10_000))
    with pytest.raises(Interrupted, match="iteration 26"):  # the scorer's own run is complete
        _train(corpus, parted, stop_signal=lambda: 15 * (next(calls) > 25))
    _train(corpus, parted)
    first, second = (load_file(folder / "model.safetensors") for folder in (whole, parted))
    assert all(torch.equal(first[name], second[name]) for name in first)
    rows = [
        [
            {key: value for key, value in json.loads(line).items() if key != "seconds"}
            for line in (folder / "metrics.jsonl").read_text().splitlines()
        ]
        for folder in (whole, parted)
    ]
    assert rows[0] == rows[1]
    dev = [row for row in rows[0] if row["kind"] == "dev"]
    assert {"nats_per_token", "transferred", "content_bleu", "samples"} <= set(dev[-1])
    assert (whole / STATE).exists() and (whole / "scorer" / "model.safetensors").exists()
    with pytest.raises(CheckpointMismatch, match="other settings"):
        _train(corpus, whole, _changed(epochs=3))


def test_a_corpus_without_labels_is_refused(tmp_path):
    class Unlabelled:
        folder, labels_sentences = tmp_path, False

    with pytest.raises(DataError, match="no labelled sentences"):
        _train(Unlabelled(), tmp_path / "run")


@pytest.fixture(scope="module")
def learned(corpus, tmp_path_factory):
    """Train until sentences are written back, then for a while against the discriminators."""
    folder = tmp_path_factory.mktemp("learned") / "run"
    config = CrossAlignedConfig(
        CrossAlignedSizes(embedding_size=32, attribute_size=8, code_size=64, filters=8),
        replace(
            QUICK.training,
            epochs=20,
            rate=5e-3,
            adversarial_sentences=8,
            adversarial_start=0.6,
            dropout=0.0,
            loss_bound=1.2,
            save_every=1000,
            log_every=100,
            evaluate_every=1000,
        ),
    )
    _train(corpus, folder, config)
    return folder


@pytest.fixture(scope="module")
def rewriter(learned):
    content = load_model_folder(learned)
    assert content.config["kind"] == CROSS_ALIGNED
    return CrossAlignedRewriter.from_content(content)


def _ids(rewriter, texts):
    return rewriter.vocabulary.encode_batch(texts)


def _texts(rewriter, proposals):
    return [[rewriter.vocabulary.decode(words) for words in own] for own in proposals]


def test_the_marker_flips_and_the_rest_stays(rewriter):
    texts = [
        f"the {subject} was {marker} today ."
        for subject in ("soup", "cake", "coffee", "menu")
        for marker in ("great", "awful")
    ]
    wanted = ["bad", "good"] * 4
    targets = [rewriter.attributes.index(name) for name in wanted]
    found = rewriter.propose(_ids(rewriter, texts), targets, count=1, strength=1.0, seed=0)
    words = [own[0].split() for own in _texts(rewriter, found)]
    flipped = sum(
        any(w in MARKERS[name] for w in own) for own, name in zip(words, wanted, strict=True)
    )
    kept = sum(text.split()[1] in own for text, own in zip(texts, words, strict=True))
    assert flipped >= 7 and kept >= 6


def test_proposals_do_not_depend_on_their_neighbours(rewriter):
    sentences = _ids(
        rewriter, ["the soup was great .", "the room is nasty here .", "the bar seems lovely !"]
    )
    targets = [0, 1, 0]
    options = {"count": 4, "strength": 1.0, "seed": 3}
    together = rewriter.propose(sentences, targets, **options)
    alone = [
        rewriter.propose([s], [t], **options)[0] for s, t in zip(sentences, targets, strict=True)
    ]
    assert together == alone
    assert [len(own) for own in together] == [4, 4, 4]
    fewer = rewriter.propose(sentences, targets, count=1, strength=1.0, seed=9)
    assert [own[0] for own in together] == [own[0] for own in fewer]
    assert rewriter.propose([], [], **options) == []


def test_at_no_strength_a_sentence_keeps_its_own_value(rewriter):
    texts = ["the soup was great today .", "the room is nasty here ."]
    targets = [rewriter.attributes.index(name) for name in ("bad", "good")]
    found = rewriter.propose(_ids(rewriter, texts), targets, count=1, strength=0.0, seed=0)
    for name, (own,) in zip(("good", "bad"), _texts(rewriter, found), strict=True):
        assert set(own.split()) & set(MARKERS[name])


def test_a_saved_model_is_the_trained_one(learned, tmp_path):
    content = load_model_folder(learned)
    model = network_of(CrossAligned, content)
    assert not model.training and model.arguments == content.config["model"]
    save_model_folder(
        tmp_path, config=content.config, vocabulary=content.vocabulary, tensors=model.state_dict()
    )
    again = load_model_folder(tmp_path).tensors
    assert set(again) == set(content.tensors)
    assert all(torch.equal(again[name], content.tensors[name]) for name in again)
