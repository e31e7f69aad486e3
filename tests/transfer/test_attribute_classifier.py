import numpy as np
import pytest
import torch
from small_transfer import changed

from arae_toolkit.data.labelled_batches import AttributeStore, class_weights
from arae_toolkit.pretraining.algorithm import ATTRIBUTE_ENCODER, Algorithm
from arae_toolkit.transfer.autoencoder.attribute_classifier import AttributeAdversary
from arae_toolkit.transfer.autoencoder.experiment import new_model

CPU = torch.device("cpu")


def _adversary(corpus, config, *, kind="ae", iterations=100):
    model = new_model(corpus, config, kind=kind)
    store = AttributeStore(corpus.split("train"), device=CPU)
    return AttributeAdversary(
        model, config.training, store, iterations=iterations, dtype=torch.float32
    )


def test_class_weights_make_classes_count_alike():
    labels = np.array([0, 0, 0, 1])
    weights = class_weights(labels, 2)
    assert weights[labels].mean().item() == pytest.approx(1.0)
    assert (3 * weights[0]).item() == pytest.approx(weights[1].item())


def test_a_class_without_rows_does_not_divide_by_nothing():
    weights = class_weights(np.array([0, 2, 2, 0]), 3)
    assert weights[[0, 2]].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert torch.isfinite(weights).all()


@pytest.mark.parametrize("update", ["joint", "separate"])
def test_an_iteration_moves_what_it_should(corpus, update):
    config = changed(encoder_update=update, attribute_warmup=0, adversarial_warmup=0)
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
    for update in ("joint", "separate"):
        adversary = _adversary(corpus, changed(attribute_weight=0.0, encoder_update=update))
        assert adversary.gradient_terms() == [] and list(adversary.updates) == ["classifier"]


def test_the_pull_grows_with_the_iterations(corpus):
    adversary = _adversary(corpus, changed(attribute_weight=3.0, attribute_warmup=20))
    weights = []
    for iteration in (0, 10, 50):
        adversary.prepare(iteration)
        (pull,) = adversary.gradient_terms()
        weights.append(pull.weight.item())
    assert weights[0] < weights[1] < weights[2] == 3.0


def test_separate_updates_of_the_encoder_replace_the_pull(corpus):
    adversary = _adversary(corpus, changed(encoder_update="separate", attribute_warmup=0))
    assert adversary.gradient_terms() == []
    adversary.updates[ATTRIBUTE_ENCODER].set_rate(0.5)
    before = {name: value.clone() for name, value in adversary.model.state_dict().items()}
    adversary.prepare(5)
    scalars = adversary.run(torch.tensor(1.0))
    assert scalars["attribute_encoder_gradient_norm"] > 0
    moved = {
        name.partition(".")[0]
        for name, value in adversary.model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert moved == {"encoder", "classifier"}


def test_an_iterations_rows_are_fixed_by_its_number(corpus):
    def classifier_after(*iterations, **settings):
        adversary = _adversary(corpus, changed(**settings))
        for iteration in iterations:
            adversary.prepare(iteration)
            adversary.run(torch.tensor(1.0))
        return torch.cat([p.detach().flatten() for p in adversary.model.classifier.parameters()])

    assert torch.equal(classifier_after(4), classifier_after(4))
    assert not torch.equal(classifier_after(4), classifier_after(5))
    assert not torch.equal(classifier_after(4), classifier_after(4, classifier_steps=2))
