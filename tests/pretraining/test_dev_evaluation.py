from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import small
import torch
from small import SENTENCES

from arae_toolkit.config.presets import preset
from arae_toolkit.evaluation.code_space import CodeSpaceStatistics
from arae_toolkit.pretraining import dev_evaluation
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.pretraining.dev_evaluation import (
    DevEvaluation,
    earliest_collapse,
    selection_score,
)

HEALTHY = CodeSpaceStatistics(1.0, 1.0, 0.9, 0.9, 0.5, 0.1, 0.1, 0.05, 99.0)
SETTLED = ("adversarial_warmup=100", "generator_average=0.99")
LEARNING = {206: 5.9, 412: 54.9, 618: 94.5, 824: 99.4, 1030: 100.0}
"""Percent of distinct samples of the demo preset after each epoch on the synthetic corpus."""
SLOW = {250: 0.2, 300: 6.0, 350: 14.0, 400: 30.0, 450: 41.0, 500: 55.0}
COLLAPSED = {206: 0.4, 412: 1.2, 618: 0.2, 824: 0.8}


@dataclass
class Nothing:
    measured: int = 0


@pytest.fixture
def warnings_of(monkeypatch):
    """Return the iterations at which a run of so many distinct samples is warned of."""

    def of(samples, *, resumed=False, settings=SETTLED, rows=0):
        algorithm = SimpleNamespace(kept={"iterations": torch.zeros(())}, critic=None)
        found, notes = [], []

        def evaluation():
            model, store = small.model(small.vocabulary()), small.store(small.vocabulary())
            train = [None] * rows if rows else store  # of which the size alone matters here
            return DevEvaluation(
                *(model, train, store, small.settings(*settings)),
                measure=lambda *_, **__: Nothing(),
                neighbours=np.zeros((0, 2), dtype=np.int64),
                note=notes.append,
            )

        evaluate = evaluation()
        for iteration, percent in samples.items():
            measured = replace(HEALTHY, unique_samples=percent)
            monkeypatch.setattr(dev_evaluation, "measure_code_space", lambda *_, **__: measured)  # noqa: B023
            algorithm.kept["iterations"] = torch.tensor(iteration)
            if resumed:  # only what the state keeps comes back
                evaluate = evaluation()
                algorithm = SimpleNamespace(kept=dict(algorithm.kept), critic=None)
            row = evaluate(algorithm, False)
            if row["warning"]:
                found.append(iteration)
        assert len(notes) == len(found)
        return found

    return of


def test_a_generator_that_learns_is_not_called_collapsed(warnings_of):
    assert warnings_of(LEARNING) == []
    assert warnings_of(SLOW) == []


def test_nothing_is_named_within_the_first_epoch(warnings_of):
    """However often it is evaluated: rows that have not been seen may bring the samples apart."""
    often = {250: 0.2, 500: 0.2, 750: 0.2, 1000: 0.2, 1250: 0.2}
    settings = (*SETTLED, "batch_size=1")
    assert warnings_of(often, settings=settings, rows=1000) == [1250]


@pytest.mark.parametrize("resumed", [False, True])
def test_a_collapse_is_named_once_two_evaluations_agree(warnings_of, resumed):
    assert warnings_of(COLLAPSED, resumed=resumed) == [412, 618, 824]
    assert warnings_of({250: 99.0, 300: 20.0, 350: 5.0}, resumed=resumed) == [350]


def test_nothing_counts_before_samples_show_the_generator_as_trained(warnings_of):
    assert earliest_collapse(small.settings(*SETTLED).training) == 200
    assert earliest_collapse(small.settings("generator_average=0").training) == 1
    assert earliest_collapse(preset("default", corpus="snli").training) == 2000
    assert earliest_collapse(preset("default", corpus="snli").training, rows=640_000) == 10_000
    assert warnings_of({50: 0.2, 100: 0.2, 199: 0.2, 250: 0.2}) == []
    assert warnings_of({50: 0.2, 200: 0.2, 201: 0.2}) == [201]


def test_the_folder_holds_the_weights_of_the_best_score():
    words = small.vocabulary()
    algorithm = Algorithm(small.model(words), small.settings(), small.store(words))
    for score, mark in ((40.0, 1.0), (30.0, 2.0), (35.0, 3.0)):
        with torch.no_grad():
            algorithm.model.decoder.projection.bias.fill_(mark)
        algorithm.select(score)
    weights = algorithm.model_weights()
    assert weights.keys() == algorithm.model.state_dict().keys()
    assert (weights["decoder.projection.bias"] == 2.0).all()


def test_a_model_of_one_sentence_is_selected_after_one_of_many(monkeypatch):
    words, config = small.vocabulary(), small.settings("selection_samples=400")
    model, dev = small.model(words), small.sentences(words)
    many = [SENTENCES[row % len(SENTENCES)] for row in range(400)]
    scores = []
    for samples in (many, [SENTENCES[0]] * 400):
        monkeypatch.setattr(model, "sample", lambda *_, _found=samples, **__: _found)
        scores.append(selection_score(model, dev, config))
    assert scores[0] < scores[1]


def test_nats_select_on_the_same_rows_each_time():
    """The last evaluation, which is over all of dev, as well; a posterior's price is counted."""
    words, config = small.vocabulary(), small.settings("select=nats", "evaluation_sentences=3")
    model, store = small.model(words), small.store(words)
    asked, selected = [], []

    @dataclass
    class Found:
        nats_per_sentence: float

    def measure(_, rows):
        asked.append(rows)
        return Found(9.0 if rows is None else 5.0)

    evaluate = DevEvaluation(
        *(model, store, store, config),
        measure=measure,
        neighbours=np.zeros((0, 2), int),
        note=print,
    )
    algorithm = SimpleNamespace(
        kept={"iterations": torch.zeros(())}, critic=None, select=selected.append
    )
    evaluate(algorithm, False)
    assert evaluate(algorithm, True)["nats_per_sentence"] == 9.0
    assert selected == [5.0, 5.0]
    assert evaluate._nats({"nats_per_image": 2.0, "kl_nats": 0.5}, whole=False) == 2.5
