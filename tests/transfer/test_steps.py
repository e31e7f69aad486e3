from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from arae_toolkit.data.corpus import pack
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.token_batches import batch_of
from arae_toolkit.data.vocabulary import EOS
from arae_toolkit.nn.critic import AttributeClassifier
from arae_toolkit.optim.update import Update, sgd
from arae_toolkit.transfer.autoencoder.attribute_classifier import (
    AttributeTerm,
    attribute_encoder_step,
    classifier_step,
)
from arae_toolkit.transfer.autoencoder.back_translation import back_translation_step
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder

CPU = torch.device("cpu")


@pytest.fixture
def model():
    made = TransferAutoencoder(
        9,
        attributes=("negative", "positive"),
        max_length=5,
        decoders="separate",
        embedding_size=6,
        code_size=5,
        hidden_size=7,
        noise_size=3,
        generator_sizes=(4,),
        classifier_sizes=(6,),
    )
    made.initialize(generator=torch.Generator().manual_seed(2), bound=0.8)
    return made


@pytest.fixture
def store():
    rows = [[4, 5, EOS], [6, EOS], [7, 4, 8, EOS], [5, EOS]]
    return AttributeStore(pack(rows, vocab_size=9, labels=[0, 1, 1, 0]), device=CPU)


def _update(*modules, rate=0.1):
    parameters = [parameter for module in modules for parameter in module.parameters()]
    return Update(parameters, sgd(parameters, rate=rate))


def _moved(model, step):
    """Return the parts of a model that a step moves; no gradient may be left anywhere."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    step()
    assert all(parameter.grad is None for parameter in model.parameters())
    return {
        name.partition(".")[0]
        for name, value in model.state_dict().items()
        if not torch.equal(value, before[name])
    }


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


def test_the_share_right_counts_classes_as_the_loss_does():
    classifier = AttributeClassifier(code_size=2, hidden_sizes=[], attributes=2)
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.zero_()  # undecided, so that value 0 is guessed
    labels = torch.tensor([0, 0, 0, 1])
    weights = torch.tensor([2 / 3, 2.0])
    found = classifier_step(
        classifier, torch.randn(4, 2), labels, _update(classifier), class_weights=weights
    )
    assert found["classifier_share_right"].item() == pytest.approx(0.5)
    assert found["classifier_nats"].item() == pytest.approx(np.log(2))


def test_the_pull_leads_codes_away_from_their_value_and_leaves_the_classifier_alone():
    classifier = AttributeClassifier(code_size=3, hidden_sizes=[], attributes=2)
    code = torch.randn(5, 3)
    labels = torch.tensor([0, 1, 0, 1, 0])

    class Labelled:
        def __init__(self, labels):
            self.labels = labels

    pull = AttributeTerm(classifier, torch.tensor(2.0), torch.ones(2))
    gradient = pull.gradient(code, Labelled(labels), reference_norm=torch.tensor(1.0))
    before = classifier(code).softmax(1).gather(1, labels[:, None])
    after = classifier(code - 0.1 * gradient).softmax(1).gather(1, labels[:, None])
    assert (after < before).all()
    assert all(parameter.grad is None for parameter in classifier.parameters())
    balanced = replace(pull, mode="norm").gradient(
        code, Labelled(labels), reference_norm=torch.tensor(0.5)
    )
    assert balanced.norm(dim=1).mean().item() == pytest.approx(2.0 * 0.5, rel=1e-4)


def test_the_encoder_step_moves_the_encoder_alone_and_away_from_its_values(model, store):
    batch = store.batch(np.arange(4))
    pull = AttributeTerm(model.classifier, torch.tensor(1.0), torch.ones(2))

    def nats():
        with torch.no_grad():
            return functional.cross_entropy(model.classifier(model.encoder(batch)), batch.labels)

    before = nats()
    moved = _moved(
        model,
        lambda: attribute_encoder_step(
            model.encoder,
            batch,
            _update(model.encoder),
            pull,
            reference_norm=torch.tensor(1.0),
            dtype=torch.float32,
        ),
    )
    assert moved == {"encoder"}
    assert nats() > before


def test_a_pull_without_weight_moves_nothing(model, store):
    pull = AttributeTerm(model.classifier, torch.tensor(0.0), torch.ones(2), "norm")
    arguments = {"reference_norm": torch.tensor(1.0), "dtype": torch.float32}
    batch, update = store.batch(np.arange(4)), _update(model.encoder)
    assert not _moved(
        model, lambda: attribute_encoder_step(model.encoder, batch, update, pull, **arguments)
    )


def test_writing_back_moves_the_encoder_and_the_decoder_of_the_sentences_own_value(model, store):
    originals = store.batch(np.array([0, 3])).whole
    transferred = batch_of([[7, EOS], [8, 6, EOS]], device=CPU)
    update = _update(model.encoder, model.decoder)
    found = []

    def step(weight=1.0):
        found.append(
            back_translation_step(
                model.encoder,
                model.decoder,
                transferred,
                0,
                originals,
                update,
                weight=weight,
                sample=None,
                dtype=torch.float32,
            )["cycle_nats_per_token"].item()
        )

    with torch.no_grad():
        nats = model.decoder.part_nats(0, model.encoder(transferred), originals)
    others = [parameter.clone() for parameter in model.decoder.of(1).parameters()]
    assert _moved(model, step) == {"encoder", "decoder"}
    assert all(map(torch.equal, model.decoder.of(1).parameters(), others))
    assert found[0] == pytest.approx(nats.item() / 5, rel=1e-5)
    for _ in range(20):
        step()
    assert found[-1] < found[0]
    assert not _moved(model, lambda: step(weight=0.0))
