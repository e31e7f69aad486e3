"""Algorithm 2: batches by attribute, the steps it adds, and a transfer that it learns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_transfer import MARKERS, QUICK, SIZES, small_labelled_corpus

from arae_toolkit.algorithm import Algorithm
from arae_toolkit.attribute_batching import AttributeStore
from arae_toolkit.checkpoint import STATE
from arae_toolkit.corpus import Corpus, pack
from arae_toolkit.errors import CheckpointMismatch, DataError
from arae_toolkit.models.attribute_decoders import AttributeDecoders
from arae_toolkit.models.latent import AttributeClassifier
from arae_toolkit.objectives import classifier_nats, flipped_label_nats
from arae_toolkit.training import Interrupted
from arae_toolkit.transfer.adversary import AttributeAdversary, class_weights
from arae_toolkit.transfer.cycle import BackTranslation, ended
from arae_toolkit.transfer.model import TransferModel
from arae_toolkit.transfer.pretraining import (
    TransferKind,
    hiding_chances,
    new_model,
    pretrain_transfer,
)
from arae_toolkit.transfer.steps import AttributePull, classifier_step
from arae_toolkit.updates import Update, sgd
from arae_toolkit.vocabulary import EOS, PAD, UNKNOWN

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return small_labelled_corpus(tmp_path_factory.mktemp("labelled"))


def _changed(**training):
    return replace(QUICK, training=replace(QUICK.training, **training))


def _train(corpus, folder, config=QUICK, *, kind: TransferKind = "arae", **others):
    pretrain_transfer(
        corpus, config, folder, scorer_folder=folder.parent / "scorer", kind=kind, **others
    )


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


def test_words_are_hidden_from_the_encoder_by_their_own_values_chances():
    sentences = pack([[4, 5, EOS], [4, 5, EOS]], vocab_size=6, labels=[0, 1])
    chances = torch.zeros(2, 6)
    chances[0, 4] = chances[1, 5] = 1.0
    batch = AttributeStore(sentences, device=CPU, chances=chances).batch(np.arange(2))
    damaged = batch.damaged(share=0.0, generator=torch.Generator().manual_seed(0))
    assert damaged.tokens.tolist() == [[UNKNOWN, 5, EOS], [4, UNKNOWN, EOS]]
    assert damaged.parts is batch.parts


def test_a_store_refuses_sentences_without_a_label():
    with pytest.raises(ValueError, match="needs a label"):
        AttributeStore(pack([[4, EOS]], vocab_size=5, labels=[-1]), device=CPU)


def test_the_flipped_label_is_the_papers_for_two_values():
    scores = torch.randn(6, 2)
    labels = torch.tensor([0, 1, 1, 0, 1, 0])
    even = torch.ones(2)
    assert flipped_label_nats(scores, labels, class_weights=even).item() == pytest.approx(
        classifier_nats(scores, 1 - labels, class_weights=even).item()
    )


def test_class_weights_make_classes_count_alike():
    labels = np.array([0, 0, 0, 1])
    weights = class_weights(labels, 2)
    assert weights[labels].mean().item() == pytest.approx(1.0)
    assert (3 * weights[0]).item() == pytest.approx(weights[1].item())


def test_the_classifier_step_moves_the_classifier_and_finds_the_attribute():
    torch.manual_seed(0)
    classifier = AttributeClassifier(code_size=4, hidden_sizes=[8], attributes=3)
    update = Update(list(classifier.parameters()), sgd(list(classifier.parameters()), rate=0.5))
    code = torch.eye(4)[:3].repeat(4, 1)
    labels = torch.arange(3).repeat(4)
    for _ in range(80):
        found = classifier_step(classifier, code, labels, update, class_weights=torch.ones(3))
    assert found["classifier_share_right"] == 1.0
    assert code.grad is None


def test_the_pull_leads_codes_away_from_their_value_and_leaves_the_classifier_alone():
    classifier = AttributeClassifier(code_size=3, hidden_sizes=[], attributes=2)
    code = torch.randn(5, 3)
    labels = torch.tensor([0, 1, 0, 1, 0])

    class Labelled:
        def __init__(self, labels):
            self.labels = labels

    pull = AttributePull(classifier, torch.tensor(2.0), torch.ones(2))
    gradient = pull.gradient(code, Labelled(labels), reference_norm=torch.tensor(1.0))
    before = classifier(code).softmax(1).gather(1, labels[:, None])
    after = classifier(code - 0.1 * gradient).softmax(1).gather(1, labels[:, None])
    assert (after < before).all()
    assert all(parameter.grad is None for parameter in classifier.parameters())
    balanced = replace(pull, mode="norm").gradient(
        code, Labelled(labels), reference_norm=torch.tensor(0.5)
    )
    assert balanced.norm(dim=1).mean().item() == pytest.approx(2.0 * 0.5, rel=1e-4)


@pytest.mark.parametrize("form", ["shared-softmax", "separate", "joined"])
def test_decoders_score_sentences_by_their_own_value(form):
    torch.manual_seed(0)
    decoders = AttributeDecoders(
        8,
        attributes=3,
        form=form,
        embedding_size=4,
        hidden_size=5,
        code_size=6,
        code_gain=2.0,
    )
    softmaxes = [name for name in decoders.state_dict() if name.endswith("projection.weight")]
    assert len(softmaxes) == (3 if form == "separate" else 1)
    sentences = pack([[4, 5, EOS], [6, EOS], [7, 4, EOS]], vocab_size=8, labels=[2, 0, 2])
    store = AttributeStore(sentences, device=CPU)
    batch = store.batch(np.arange(3))  # rows 1, 0, 2
    code = torch.randn(3, 6)
    together = decoders.nats(code, batch)
    single = sum(
        decoders.part_nats(
            value, code[place : place + 1], store.batch(np.array([row])).whole
        ).item()
        for place, (row, value) in enumerate([(1, 0), (0, 2), (2, 2)])
    )
    assert together.item() == pytest.approx(single, rel=1e-5)
    other = decoders.part_nats(1, code[:1], store.batch(np.array([1])).whole)
    assert other.item() != pytest.approx(
        decoders.part_nats(0, code[:1], store.batch(np.array([1])).whole).item(), rel=1e-6
    )


@pytest.mark.parametrize("update", ["joint", "separate"])
def test_an_iteration_moves_what_it_should(corpus, update):
    config = _changed(encoder_update=update, attribute_warmup=0, adversarial_warmup=0)
    model = new_model(corpus, config, kind="arae")
    store = AttributeStore(corpus.split("train"), device=CPU)
    algorithm = Algorithm(model, config, store, extended=True)
    adversary = AttributeAdversary(
        model, config.training, store, iterations=100, dtype=torch.float32
    )
    algorithm.extend(adversary)
    assert ("attribute_encoder" in algorithm.updates) == (update == "separate")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    scalars = algorithm.iteration(0)
    assert {"nats_per_token", "wasserstein", "classifier_nats"} <= set(scalars)
    moved = {
        name.split(".")[0]
        for name, value in model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert moved == {"encoder", "decoder", "prior", "classifier"}
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_autoencoder_never_yields_to_its_classifier(corpus):
    config = _changed(attribute_weight=0.0)
    model = new_model(corpus, config, kind="ae")
    store = AttributeStore(corpus.split("train"), device=CPU)
    adversary = AttributeAdversary(model, config.training, store, iterations=9, dtype=torch.float32)
    assert adversary.pulls() == [] and list(adversary.updates) == ["classifier"]


def test_back_translation_takes_its_turns(corpus):
    config = _changed(cycle_weight=1.0, cycle_start=0.5, cycle_every=2)
    model = new_model(corpus, config, kind="ae")
    store = AttributeStore(corpus.split("train"), device=CPU)
    algorithm = Algorithm(model, config, store, extended=True)
    update = algorithm.updates["autoencoder"]
    cycle = BackTranslation(
        model, config.training, store, update=update, iterations=8, dtype=torch.float32
    )
    found = []
    for iteration in range(8):
        cycle.prepare(iteration)
        found.append(float(cycle.run(torch.tensor(1.0))["cycle_nats_per_token"]))
    assert [value > 0 for value in found] == [False] * 4 + [True, False, True, False]


def test_decoded_words_end_once():
    assert ended([5, EOS, PAD]) == [5, EOS]
    assert ended([5, 6]) == [5, 6, EOS]


def test_hiding_follows_the_ratio_of_frequencies():
    sentences = pack([[4, 5, EOS], [4, 6, EOS]], vocab_size=7, labels=[0, 1])
    chances = hiding_chances(sentences, 2, 7, _changed(attribute_drop=1.0))
    assert chances is not None
    assert chances[0, 5] == pytest.approx(0.5)  # (1 + 1) / (0 + 1)
    assert chances[1, 5] == chances[0, 4] == 0
    assert hiding_chances(sentences, 2, 7, QUICK) is None


def test_a_stopped_run_goes_on_to_the_same_numbers(corpus, tmp_path):
    config = _changed(cycle_weight=0.5, attribute_drop=0.5)
    whole, parted = tmp_path / "a" / "whole", tmp_path / "b" / "parted"
    _train(corpus, whole, config)
    calls = iter(range(10_000))
    with pytest.raises(Interrupted):
        # The scorer's own run asks as well; it is past by then.
        _train(corpus, parted, config, stop_signal=lambda: 15 * (next(calls) > 40))
    _train(corpus, parted, config)
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
    assert (whole / STATE).exists() and (whole / "scorer" / "model.safetensors").exists()


def test_a_folder_of_another_run_is_refused(corpus, tmp_path):
    _train(corpus, tmp_path / "run")
    with pytest.raises(CheckpointMismatch, match="other settings"):
        _train(corpus, tmp_path / "run", _changed(epochs=3))
    with pytest.raises(CheckpointMismatch, match="scorer"):
        TransferModel.from_pretrained(_without_scorer(tmp_path / "run"))


def _without_scorer(folder: Path) -> Path:
    (folder / "scorer" / "config.json").unlink()
    return folder


def test_a_corpus_without_labels_is_refused(tmp_path):
    class Unlabelled:
        folder, labels_sentences = tmp_path, False

    with pytest.raises(DataError, match="no labelled sentences"):
        _train(Unlabelled(), tmp_path / "run")


@pytest.fixture(scope="module")
def learned(corpus, tmp_path_factory):
    """Train long enough to flip the marker: with markers hidden, the decoder has to write one."""
    folder = tmp_path_factory.mktemp("learned") / "run"
    config = replace(
        _changed(epochs=30, attribute_drop=1.0, adversarial_weight=0.0, attribute_weight=0.1),
        model=replace(SIZES, code_size=64, hidden_size=64, code_gain=8.0),
    )
    _train(corpus, folder, config, kind="ae")
    return TransferModel.from_pretrained(folder)


def test_the_marker_flips_and_the_rest_stays(learned):
    texts = [
        f"the {subject} was {marker} today ."
        for subject in ("soup", "cake", "coffee", "menu")
        for marker in ("great", "awful")
    ]
    targets = ["bad", "good"] * 4
    found = learned.transfer(texts, targets)
    flipped = sum(
        any(word in one.text.split() for word in MARKERS[target])
        for one, target in zip(found, targets, strict=True)
    )
    kept = sum(text.split()[1] in one.text.split() for text, one in zip(texts, found, strict=True))
    assert flipped >= 7 and kept >= 6


def test_a_text_does_not_depend_on_its_neighbours(learned):
    texts = ["the soup was great .", "the room is nasty here .", "the bar seems lovely !"]
    together = learned.transfer(texts, ["bad"] * 3, candidates=4, seed=3)
    alone = [learned.transfer([text], ["bad"], candidates=4, seed=3)[0] for text in texts]
    assert [one.text for one in together] == [one.text for one in alone]


def test_candidates_are_at_least_as_good_as_the_first(learned):
    texts = ["the soup was great .", "the staff is bland today .", "the cake looks tasty ."]
    targets = ["bad", "good", "bad"]
    first = learned.transfer(texts, targets)
    best = learned.transfer(texts, targets, candidates=6)
    worth = learned._worth
    # Scored in other batches, a sentence is as good as before but for rounding.
    assert all(worth(b) >= worth(a) - 1e-4 for a, b in zip(first, best, strict=True))


def test_unknown_targets_are_answered_with_the_known(learned):
    with pytest.raises(ValueError, match="knows bad, good; did you mean 'good'"):
        learned.transfer(["the soup was great ."], ["god"])
    with pytest.raises(ValueError, match="at least 1"):
        learned.transfer(["the soup was great ."], ["good"], candidates=0)


def test_a_strength_above_one_moves_the_code_to_the_target(learned):
    model = learned.rewriter.model
    code = torch.nn.functional.normalize(torch.randn(6, 64), dim=1)
    moved = model.edited(code, 1, strength=3.0)
    assert torch.equal(model.edited(code, 1, strength=1.0), code)
    assert torch.allclose(moved.norm(dim=1), torch.ones(6))
    before, after = (model.classifier(z).softmax(1)[:, 1] for z in (code, moved))
    assert (after > before).all()
