from dataclasses import replace

import numpy as np
import pytest
import small
import torch
from safetensors.torch import load_file
from small_runs import KillAt, Killed, assert_same_end
from torch.nn import functional

from arae_toolkit.errors import ToolkitError, TrainingDiverged
from arae_toolkit.estimators.nli_fit import train_in_memory
from arae_toolkit.evaluation.classification import measure_classification
from arae_toolkit.models.model_folder import WEIGHTS, save_model_folder
from arae_toolkit.nli.baselines import hypothesis_log_probabilities
from arae_toolkit.nli.classifier_training import (
    ClassifierTraining,
    class_weights,
    classification_step,
    probabilities_of,
)
from arae_toolkit.nli.model import PAIRS
from arae_toolkit.nli.networks import new_network
from arae_toolkit.nli.settings import PairTrainingConfig
from arae_toolkit.optim.schedules import learning_rate
from arae_toolkit.training.checkpoint import STATE
from arae_toolkit.training.loop import Run, fit
from arae_toolkit.training.metrics_log import RunLog, read_rows

KINDS = ("paper", "bilstm-max", "attention")
every_kind = pytest.mark.parametrize("kind", KINDS)
LABELS = small.LABELS
SHORT = PairTrainingConfig(
    batch_size=8, epochs=3, rate=5e-3, warmup=2, word_drop=0.1, log_every=2, save_every=3
)
SIZES = {"embedding_size": 8, "code_size": 8, "hidden_size": 12, "dropout": 0.1}


def network(kind="bilstm-max", **sizes):
    arguments = {"kind": kind, **SIZES, **sizes}
    generator = torch.Generator().manual_seed(3)
    return new_network(len(small.rule_words()), len(LABELS), generator=generator, **arguments)


def training(kind="bilstm-max", settings=SHORT, *, count=40, **more):
    store = small.rule_store(count)
    return ClassifierTraining(network(kind), settings, store, np.arange(count), **more)


def run(folder, *listeners, accuracies=None):
    """Return a run that judges on dev, or gives these accuracies in turn."""
    words = small.rule_words()
    save_model_folder(
        folder,
        config={"kind": PAIRS, "model": {}, "labels": list(LABELS)},
        vocabulary=words,
        tensors={},
    )
    dev = small.rule_store(24, seed=9)
    given = None if accuracies is None else iter(accuracies)

    def evaluate(trained, last):
        probabilities = probabilities_of(trained.network, dev)
        result = measure_classification(probabilities, dev.labels, labels=LABELS)
        accuracy = result.accuracy if given is None else next(given)
        return {
            "accuracy": accuracy,
            "nats_per_pair": result.nats,
            "best": trained.consider(accuracy),
        }

    return Run(folder, {}, RunLog(folder, listeners), evaluate)


def weights_of(folder):
    return load_file(folder / WEIGHTS)


# --- closed form -----------------------------------------------------------------------------


def test_the_rate_rises_in_a_line_and_falls_as_a_cosine():
    rates = [learning_rate(0.4, i, iterations=100, warmup=10) for i in range(101)]
    assert rates[0] < 0.1
    assert [rates[50], rates[100]] == pytest.approx([0.2, 0.0])
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_a_step_reports_the_cross_entropy_and_the_share_right():
    made = training()
    batch = made.store.batch(np.arange(8))
    with torch.no_grad():
        scores = made.network(batch.premise, batch.hypothesis)
    made.network.embedding_dropout = made.network.dropout = 0.0
    scalars = classification_step(
        made.network,
        batch,
        made.updates,
        word_drop=0.0,
        generator=torch.Generator(),
        dtype=torch.float32,
    )
    torch.testing.assert_close(
        scalars["nats_per_pair"], functional.cross_entropy(scores, batch.labels)
    )
    right = (scores.argmax(dim=1) == batch.labels).float().mean()
    assert scalars["share_right"] == right


# --- gradient routing ------------------------------------------------------------------------


@every_kind
def test_an_iteration_moves_every_weight_and_leaves_no_gradient(kind):
    made = training(kind, replace(SHORT, warmup=0))
    before = {name: value.clone() for name, value in made.network.named_parameters()}
    made.iteration(0)
    for name, value in made.network.named_parameters():
        assert not torch.equal(value, before[name]), name
        assert value.grad is None, name
    assert (made.network.encoder.embedding.weight[0] == 0).all(), "padding stays at zero"


@every_kind
def test_each_weight_belongs_to_one_optimizer(kind):
    made = training(kind)
    owned = [id(p) for update in made.updates.values() for p in update.parameters]
    assert len(owned) == len(set(owned))
    assert set(owned) == {id(p) for p in made.network.parameters()}


@every_kind
def test_an_encoder_rate_of_zero_leaves_the_encoder(kind):
    made = training(kind, replace(SHORT, warmup=0, encoder_rate=0.0))
    before = {name: value.clone() for name, value in made.network.state_dict().items()}
    for iteration in range(3):
        made.iteration(iteration)
    for name, value in made.network.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("encoder."), name


def test_only_the_given_rows_and_labels_are_learned_from():
    seen = []
    made = training()
    store, rows = made.store, np.array([1, 5, 7, 8, 13, 21])
    relabelled = (store.labels + 1) % 3
    only = ClassifierTraining(
        network(), replace(SHORT, batch_size=3), store, rows, labels=relabelled
    )
    only.network.register_forward_pre_hook(lambda _, given: seen.append(given[0].tokens))
    plain = ClassifierTraining(network(), replace(SHORT, batch_size=3), store, rows)
    assert only.batches_per_epoch == 2
    assert set(np.concatenate([rows[only.sampler.at(i)] for i in (0, 1)])) == set(rows)
    different = [only.iteration(0), plain.iteration(0)]
    assert len(seen) == 1
    assert different[0]["nats_per_pair"] != different[1]["nats_per_pair"]


# --- round trip ------------------------------------------------------------------------------


def test_the_best_weights_and_other_labels_outlive_a_kill(tmp_path):
    whole, broken, other = tmp_path / "whole", tmp_path / "broken", np.arange(40) % 3
    fit(training(labels=other), run(whole))
    with pytest.raises(Killed):
        fit(training(labels=other), run(broken, KillAt(7)))
    fit(training(labels=other), run(broken), resume_from=broken / STATE)
    assert_same_end(whole, broken)
    assert any("best/" in name for name in load_file(broken / STATE))


def test_the_same_seed_twice_is_identical_and_another_is_not(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        fit(training(settings=replace(SHORT, seed=seed)), run(tmp_path / name))
    assert_same_end(tmp_path / "a", tmp_path / "b")
    assert any(
        not torch.equal(value, weights_of(tmp_path / "c")[name])
        for name, value in weights_of(tmp_path / "a").items()
    )


# --- the best epoch --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accuracies", "best"), [((50.0, 70.0, 60.0), 2), ((70.0, 70.0, 60.0), 1), ((1.0, 2.0, 3.0), 3)]
)
def test_the_folder_holds_the_epoch_that_was_best_on_dev(tmp_path, accuracies, best):
    made = training()
    after = []

    class Remember(KillAt):
        def tick(self, iteration):
            if iteration % made.batches_per_epoch == 0:
                after.append({k: v.clone() for k, v in made.network.state_dict().items()})

    fit(made, run(tmp_path, Remember(0), accuracies=accuracies))
    kept = weights_of(tmp_path)
    for name, value in after[best - 1].items():
        assert torch.equal(kept[name], value), name
    assert made.best_accuracy == max(accuracies)
    dev = [row for row in read_rows(tmp_path / "metrics.jsonl") if row["kind"] == "dev"]
    assert [row["accuracy"] for row in dev] == list(accuracies)


def test_before_any_evaluation_the_present_weights_are_the_models():
    made = training()
    assert made.model_weights().keys() == made.network.state_dict().keys()
    made.iteration(0)
    for name, value in made.model_weights().items():
        assert torch.equal(value, made.network.state_dict()[name])


# --- divergence ------------------------------------------------------------------------------


def test_a_loss_far_above_guessing_is_named():
    made = training()
    assert made.problem({"nats_per_pair": 3.2}) is None
    told = made.problem({"nats_per_pair": 3.4})
    assert told == "nats_per_pair is 3.4, where guessing costs 1.1,"


def test_a_rate_far_too_high_stops_the_run(tmp_path):
    with pytest.raises(TrainingDiverged, match=r"nats_per_pair is .* try a lower rate"):
        fit(training(settings=replace(SHORT, rate=1e6, warmup=0)), run(tmp_path))


# --- in memory -------------------------------------------------------------------------------


def test_without_a_folder_the_numbers_are_the_same(tmp_path):
    made = training("bilstm-max", replace(SHORT, warmup=1))
    fit(made, run(tmp_path))
    alone, told = network(), []
    store = small.rule_store(40)
    nobody = np.arange(0)
    losses, accuracies = train_in_memory(
        alone, replace(SHORT, warmup=1), store, np.arange(40), nobody, log=told.append
    )
    for name, value in alone.state_dict().items():
        assert torch.equal(value, made.network.state_dict()[name]), name
    assert (len(losses), accuracies, len(told)) == (3, [], 3)
    assert told[0].startswith("epoch 1/3: ")


def test_in_memory_a_rate_far_too_high_is_named():
    with pytest.raises(TrainingDiverged, match=r"over epoch 1; try a lower rate"):
        train_in_memory(
            network(),
            replace(SHORT, rate=1e6, epochs=50),
            small.rule_store(40),
            np.arange(40),
            np.arange(0),
        )


# --- probabilities ---------------------------------------------------------------------------


@every_kind
def test_probabilities_follow_the_rows_whatever_their_lengths(kind):
    made, store = network(kind), small.rule_store(300)
    every = probabilities_of(made, store)
    assert every.shape == (300, 3)
    np.testing.assert_allclose(every.sum(axis=1), 1.0)
    rows = np.array([250, 3, 3, 77])
    np.testing.assert_allclose(probabilities_of(made, store, rows), every[rows], rtol=1e-5)


# --- learning --------------------------------------------------------------------------------


@every_kind
def test_it_learns_a_planted_rule(kind):
    sizes = {"embedding_size": 16, "code_size": 16, "hidden_size": 32}
    made = network(kind, dropout=0.0, embedding_dropout=0.0, **sizes)
    settings = PairTrainingConfig(batch_size=8, epochs=18, rate=5e-3)
    train, test, rows = (
        small.rule_store(400),
        small.rule_store(90, seed=1),
        np.arange(400),
    )
    train_in_memory(made, settings, train, rows, rows[:0])
    right = probabilities_of(made, test).argmax(axis=1) == test.labels
    assert right.mean() > 0.95


def test_balanced_losses_weigh_the_rare_class_up():
    """Two classes of 3 and 1 pairs: each has half of the weight, one that never occurs has none."""
    weights = class_weights(np.array([0, 0, 0, 1]), 3)
    assert float(weights[2]) == 0
    assert float(3 * weights[0]) == pytest.approx(float(weights[1]))


# --- what is learned of a pair ---------------------------------------------------------------


def test_probabilities_that_name_one_class_are_learned_as_labels_are():
    plain = training()
    soft = training(labels=np.eye(3, dtype=np.float32)[plain.store.labels])
    for number in range(3):
        ours, theirs = soft.iteration(number), plain.iteration(number)
        torch.testing.assert_close(ours["nats_per_pair"], theirs["nats_per_pair"])
        assert ours["share_right"] == theirs["share_right"]


def test_smoothed_labels_are_a_mean_of_the_label_and_of_all():
    made = training("bilstm-max", replace(SHORT, word_drop=0.0, label_smoothing=0.3))
    made.network.embedding_dropout = made.network.dropout = 0.0
    batch = made.store.batch(made.rows[made.sampler.at(0)])
    with torch.no_grad():
        scores = made.network(batch.premise, batch.hypothesis)
    nats = -scores.log_softmax(dim=1)
    own = nats.gather(1, batch.labels[:, None]).mean()
    expected = 0.7 * own + 0.3 * nats.mean()
    torch.testing.assert_close(made.iteration(0)["nats_per_pair"], expected)


def test_what_hypotheses_give_away_need_not_be_learned():
    """The scores are as far below those of a product as the model of hypotheses says."""
    made = training("bilstm-max", replace(SHORT, word_drop=0.0, hypothesis_weight=0.5))
    made.network.embedding_dropout = made.network.dropout = 0.0
    batch = made.store.batch(made.rows[made.sampler.at(0)])
    known = made.store.labels[made.rows]
    told = hypothesis_log_probabilities(made.store, made.rows, known, labels=3)
    torch.testing.assert_close(np.exp(told).sum(axis=1), np.ones(len(told)), check_dtype=False)
    with torch.no_grad():
        scores = made.network(batch.premise, batch.hypothesis)
    explained = 0.5 * torch.from_numpy(told)[torch.from_numpy(batch.rows)]
    expected = functional.cross_entropy(scores + explained, batch.labels)
    torch.testing.assert_close(made.iteration(0)["nats_per_pair"], expected)


def test_few_labels_are_divided_into_fewer_parts():
    """Two of a class are one in each part; what is said stays finite, and sums to one."""
    store = small.rule_store(40)
    rows = np.concatenate([np.flatnonzero(store.labels == label)[:2] for label in range(3)])
    told = hypothesis_log_probabilities(store, rows, store.labels[rows], labels=3)
    assert np.isfinite(told).all()
    np.testing.assert_allclose(np.exp(told).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("counts", [(1, 4, 4), (6, 0, 0), (1, 1, 1)])
def test_a_label_of_one_pair_cannot_be_foretold(counts):
    store = small.rule_store(40)
    of_each = [np.flatnonzero(store.labels == label)[:count] for label, count in enumerate(counts)]
    rows = np.concatenate(of_each)
    with pytest.raises(ToolkitError, match="hypothesis_weight needs two labels or more, each of"):
        hypothesis_log_probabilities(store, rows, store.labels[rows], labels=3)
