import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_runs import rows_of

from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.data.vocabulary import EOS, UNKNOWN
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.transfer.scorer.fluency import fluency_floor, kept_floor, provide_floor
from arae_toolkit.transfer.scorer.scorer import FLOOR_FILE, Scorer, copy_scorer
from arae_toolkit.transfer.scorer.training import (
    MOST_EPOCHS,
    ScorerConfig,
    ScorerSchedule,
    ScorerSizes,
    ScorerTraining,
    scorer_settings,
    train_scorer,
)

CPU = torch.device("cpu")
CONFIG = ScorerConfig(
    ScorerSizes(embedding_size=12, hidden_size=10, filters=8),
    ScorerSchedule(
        batch_size=32, epochs=2, rate=0.02, warmup=3, softmax_samples=10, log_every=4, save_every=5
    ),
)


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    """Train a scorer that is never disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train_scorer(corpus, CONFIG, folder, device=CPU)
    return folder


def _training(corpus, **changes):
    sizes = CONFIG.model
    scorer = Scorer(
        len(corpus.vocabulary),
        attributes=corpus.labels,
        embedding_size=sizes.embedding_size,
        hidden_size=sizes.hidden_size,
        filters=sizes.filters,
    )
    scorer.initialize(torch.Generator().manual_seed(0))
    store = AttributeStore(corpus.split("train"), device=CPU)
    return ScorerTraining(scorer, replace(CONFIG.training, **changes), store)


@pytest.mark.parametrize("rows", [1, 40, 900, 16_000, 75_000, 300_000, 10_000_000])
def test_small_corpora_are_passed_more_often_and_no_run_is_all_warmup(rows):
    schedule = scorer_settings(rows).training
    assert 2 <= schedule.epochs <= MOST_EPOCHS
    assert 16 <= schedule.batch_size <= 128
    iterations = schedule.epochs * max(1, rows // schedule.batch_size)
    assert schedule.warmup <= min(200, iterations / 10)
    more = scorer_settings(2 * rows).training
    assert more.epochs <= schedule.epochs and more.batch_size >= schedule.batch_size


@pytest.mark.parametrize("samples", [0, 10])
def test_an_iteration_moves_both_networks_and_leaves_no_gradient(corpus, samples):
    training = _training(corpus, warmup=0, softmax_samples=samples)
    before = {name: value.clone() for name, value in training.scorer.state_dict().items()}
    scalars = training.iteration(0)
    assert set(scalars) == {"recognizer_nats", "nats_per_token", "gradient_norm"}
    moved = {
        name.partition(".")[0]
        for name, value in training.scorer.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert moved == {"recognizer", "language_model"}
    assert all(parameter.grad is None for parameter in training.scorer.parameters())


def test_words_are_hidden_from_the_recognizer_alone(corpus):
    """Without dropout and samples, nothing else is random in an iteration."""
    settings = {"warmup": 0, "dropout": 0.0, "softmax_samples": 0}
    (plain, hiding) = (
        _training(corpus, word_drop=share, **settings).iteration(0) for share in (0.0, 0.9)
    )
    assert plain["nats_per_token"] == hiding["nats_per_token"]
    assert plain["recognizer_nats"] != hiding["recognizer_nats"]


def test_the_attribute_and_the_words_are_learned(corpus, whole):
    scorer, vocabulary = Scorer.from_pretrained(whole)
    assert scorer.attributes == ("bad", "good")
    ids = vocabulary.encode_batch(["the soup was great .", "the soup was awful ."])
    assert scorer.probabilities(ids).argmax(axis=1).tolist() == [1, 0]
    right = scorer.nats_per_token([ids[0], ids[1]], [1, 0])
    wrong = scorer.nats_per_token([ids[0], ids[1]], [0, 1])
    assert (right < wrong).all()
    *_, last = [row for row in rows_of(whole) if row["kind"] == "dev"]
    assert last["accuracy"] > 95


def test_the_floor_of_fluency_is_found_on_dev_and_kept_beside_the_weights(corpus, whole):
    floor = kept_floor(whole)
    assert floor is not None and -5 < floor < 0
    scorer, _ = Scorer.from_pretrained(whole)
    dev = corpus.split("dev")
    sentences = [dev[row].tolist() for row in range(len(dev))]
    assert fluency_floor(scorer, sentences, dev.labels.tolist()) == pytest.approx(floor)
    # Half of the sentences fall below it that have another word in one place, whichever it is.
    others = fluency_floor(scorer, sentences, dev.labels.tolist(), seed=1)
    assert others == pytest.approx(floor, abs=0.5)
    assert fluency_floor(scorer, [[UNKNOWN, EOS]], [0]) is None


def test_a_floor_is_found_again_for_other_weights_alone(corpus, whole, tmp_path, monkeypatch):
    folder = shutil.copytree(whole, tmp_path / "scorer")
    dev = corpus.split("dev")
    sentences, labels = [dev[row].tolist() for row in range(len(dev))], np.asarray(dev.labels)
    path, kept = folder / FLOOR_FILE, kept_floor(folder)
    path.write_text(json.dumps({"min_fluency": -7.0, "weights": "of others"}))
    provide_floor(folder, sentences, labels, device=CPU)
    assert kept_floor(folder) == pytest.approx(kept)
    monkeypatch.setattr(Scorer, "nats_per_token", None)  # nothing is read
    provide_floor(folder, sentences, labels, device=CPU)
    path.unlink()
    assert kept_floor(folder) is None


def test_the_floor_is_copied_with_the_scorer(whole, tmp_path):
    copy_scorer(whole, tmp_path)
    assert kept_floor(tmp_path / "scorer") == kept_floor(whole)


def test_each_network_is_that_of_its_best_evaluation(corpus):
    training = _training(corpus, warmup=0)
    scores = [(50.0, 9.0), (80.0, 3.0), (70.0, 2.0), (60.0, 4.0)]
    weights = []
    for iteration, (accuracy, nats) in enumerate(scores):
        training.iteration(iteration)
        weights.append({n: v.clone() for n, v in training.scorer.state_dict().items()})
        training.select(accuracy=accuracy, nats_per_token=nats)
    chosen = training.model_weights()
    assert chosen.keys() == weights[0].keys()
    for name, value in chosen.items():
        best = 1 if name.startswith("recognizer") else 2
        assert torch.equal(value, weights[best][name]), name


def test_another_precision_is_refused_with_the_option_that_names_the_folder(corpus, whole):
    told = r"precision fp32 there, bf16 here\); name another folder with --scorer"
    with pytest.raises(CheckpointMismatch, match=told):
        train_scorer(corpus, CONFIG, whole, device=CPU, precision="bf16")


def test_a_link_where_a_file_was_once_put_down_is_not_followed(tmp_path):
    source, folder, own = tmp_path / "source", tmp_path / "model", tmp_path / "thesis.txt"
    (folder / "scorer").mkdir(parents=True)
    source.mkdir()
    own.write_text("years of work")
    for name in ("tokenizer.json", "model.safetensors", "config.json"):
        (source / name).write_text(name)
        (folder / "scorer" / f".{name}.tmp").symlink_to(own)
        (folder / "scorer" / name).symlink_to(own)
    copy_scorer(source, folder)
    assert own.read_text() == "years of work"
    assert (folder / "scorer" / "config.json").read_text() == "config.json"
