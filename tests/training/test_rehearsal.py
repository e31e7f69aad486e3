import copy

import pytest
import small
import torch

from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.training.experiment import Experiment
from arae_toolkit.training.rehearsal import PLACES, Rehearsal


def algorithm(*changes):
    words = small.vocabulary()
    return Algorithm(small.model(words), small.settings(*changes), small.store(words))


def test_it_counts_parameters_iterations_and_steps():
    training = algorithm("critic_steps=4", "epochs=6", "generator_average=0")
    found = Rehearsal(seconds=0)
    found.perform(training)
    assert found.iterations == training.iterations == 6 * training.batches_per_epoch
    assert found.parameters == {
        "model": sum(p.numel() for p in training.model.parameters()),
        "critic": sum(p.numel() for p in training.critic.parameters()),
    }
    assert found.steps == {"autoencoder": 1, "critic": 4, "generator": 1}
    assert found.timed == 2 * len(PLACES)
    assert found.peak_bytes > 2**20


def test_what_changes_on_the_way_is_met_at_several_places():
    """From the third epoch on there is one GAN round more: in two of the four places."""
    found = Rehearsal(seconds=0)
    found.perform(algorithm("critic_steps=2", "epochs=4", "gan_rounds_grow_at=[3]"))
    assert found.steps["critic"] == pytest.approx(2 * 1.5)


def test_what_is_left_takes_as_long_as_the_iterations_tried():
    found = Rehearsal(done=40, iterations=100, seconds_per_iteration=0.5)
    assert found.seconds_left == 30


def test_a_rehearsed_run_leaves_nothing(tmp_path):
    folder, training, rehearsal = tmp_path / "run", algorithm(), Rehearsal(seconds=0)
    experiment = Experiment(folder, training.config, {"corpus": "x"}, rehearsal=rehearsal)
    before = copy.deepcopy(training.model.state_dict())
    made = (training, lambda *_: pytest.fail("nothing is evaluated"))
    experiment.train(training.model, lambda: made, record={}, vocabulary=None)
    assert rehearsal.timed
    assert not folder.exists()
    moved = training.model.state_dict()
    assert any(not torch.equal(before[name], moved[name]) for name in before)
