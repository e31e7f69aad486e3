"""Training an encoder on pairs without labels: resumed equals never stopped, and losses fall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import small_pairs
import torch
from killed_runs import KillAt, Killed, assert_same_end

from arae_toolkit.data.corpus import pack
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.errors import TrainingDiverged
from arae_toolkit.models.model_folder import save_model_folder
from arae_toolkit.nli.networks import new_network
from arae_toolkit.nli.pretrained_encoder import PAIR_ENCODER, PretrainedEncoder
from arae_toolkit.nli.pretraining.heads import PairPretrainingHeads
from arae_toolkit.nli.pretraining.training import PairPretraining
from arae_toolkit.nli.settings import PairModelConfig, PairTrainingConfig
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.training.checkpoint import STATE
from arae_toolkit.training.loop import Run, fit
from arae_toolkit.training.metrics_log import RunLog

ARGUMENTS = {"kind": "bilstm-max", "embedding_size": 8, "code_size": 8, "hidden_size": 9}
SETTINGS = PairTrainingConfig(
    **{"batch_size": 8, "epochs": 2, "rate": 5e-3, "warmup": 2, "word_drop": 0.3},
    **{"matching_weight": 0.5, "softmax_samples": 5, "log_every": 2, "save_every": 3},
)


def training(settings=SETTINGS, *, generates=True, **more):
    words = small_pairs.rule_words()
    network = new_network(len(words), 3, generator=torch.Generator().manual_seed(1), **ARGUMENTS)
    assert isinstance(network.encoder, BiLSTMEncoder)
    model = PairPretrainingHeads(network.encoder, 3, generates=generates)
    model.initialize(torch.Generator().manual_seed(2))
    texts = sorted({text for pair in small_pairs.rule_pairs(30)[0] for text in pair})
    singles = pack(words.encode_batch(texts), vocab_size=len(words))
    return PairPretraining(
        model,
        settings,
        small_pairs.rule_store(40, words),
        TokenStore(singles, device=torch.device("cpu")),
        **more,
    )


def run(folder, *listeners):
    save_model_folder(
        folder,
        config={"kind": PAIR_ENCODER, "model": ARGUMENTS},
        vocabulary=small_pairs.rule_words(),
        tensors={},
    )
    return Run(folder, {}, RunLog(folder, listeners), lambda trained, last: {"last": last})


# --- gradient routing ------------------------------------------------------------------------


@pytest.mark.parametrize("generates", [True, False])
def test_an_iteration_moves_every_weight_and_leaves_no_gradient(generates):
    known = np.ones(40, dtype=np.bool_)
    made = training(replace(SETTINGS, warmup=0), generates=generates, known=known)
    before = {name: value.clone() for name, value in made.model.named_parameters()}
    scalars = made.iteration(0)
    for name, value in made.model.named_parameters():
        assert not torch.equal(value, before[name]), name
        assert value.grad is None, name
    assert ("nats_per_generated_token" in scalars) == generates


def test_labels_that_are_not_known_change_nothing():
    """The decoder may be told those that are, and nothing else looks at a label."""
    made = [training(), training(), training(known=np.ones(40, dtype=np.bool_))]
    made[1].pairs._labels.copy_((made[1].pairs._labels + 1) % 3)
    scalars = [trained.iteration(0) for trained in made]
    for name, value in scalars[0].items():
        assert torch.equal(value, scalars[1][name]), name
    name = "nats_per_generated_token"
    assert not torch.equal(scalars[0][name], scalars[2][name])


# --- round trip ------------------------------------------------------------------------------


@pytest.mark.parametrize("killed_at", [1, 4, 8])
@pytest.mark.parametrize("generates", [True, False])
def test_killed_and_resumed_equals_never_killed(tmp_path, generates, killed_at):
    fit(training(generates=generates), run(tmp_path / "whole"))
    broken = tmp_path / "broken"
    with pytest.raises(Killed):
        fit(training(generates=generates), run(broken, KillAt(killed_at)))
    state = broken / STATE
    fit(
        training(generates=generates),
        run(broken),
        resume_from=state if state.exists() else None,
    )
    assert_same_end(tmp_path / "whole", broken)


@pytest.mark.parametrize("kind", ["bilstm-max", "attention"])
def test_the_folder_holds_what_a_network_of_pairs_starts_from(tmp_path, kind):
    made = training()
    fit(made, run(tmp_path))
    encoder = made.model.encoder
    assert set(made.model_weights()) == {f"encoder.{name}" for name in encoder.state_dict()}
    loaded = PretrainedEncoder.load(tmp_path)
    config = loaded.fitted(PairModelConfig(kind=kind))
    assert (config.embedding_size, config.code_size) == (8, 8)
    network = new_network(
        len(loaded.vocabulary), 3, generator=torch.Generator(), **{**ARGUMENTS, "kind": kind}
    )
    assert loaded.put_into(network)
    for name, value in network.encoder.state_dict().items():
        assert torch.equal(value, encoder.state_dict()[name]), name


def test_the_papers_encoder_takes_the_embeddings_alone(tmp_path):
    made = training()
    fit(made, run(tmp_path))
    network = new_network(len(small_pairs.rule_words()), 3, **{**ARGUMENTS, "kind": "paper"})
    assert not PretrainedEncoder.load(tmp_path).put_into(network)
    assert torch.equal(network.encoder.embedding.weight, made.model.encoder.embedding.weight)


# --- divergence ------------------------------------------------------------------------------


def test_words_that_cost_far_more_than_guessing_are_named():
    made = training()
    guessing = np.log(len(small_pairs.rule_words()))
    assert made.problem({"nats_per_hidden_word": 2.9 * guessing}) is None
    assert "nats_per_hidden_word is" in made.problem({"nats_per_hidden_word": 3.1 * guessing})


def test_a_rate_far_too_high_stops_the_run(tmp_path):
    with pytest.raises(TrainingDiverged, match="try a lower rate"):
        fit(training(replace(SETTINGS, rate=1e4, warmup=0, epochs=20)), run(tmp_path))


# --- learning --------------------------------------------------------------------------------


def test_hidden_words_partners_and_hypotheses_are_learned():
    made = training(replace(SETTINGS, epochs=40, rate=0.01, softmax_samples=99), dropout=0.0)
    curves = [made.iteration(iteration) for iteration in range(made.iterations)]
    for name in ("nats_per_hidden_word", "matching_nats", "nats_per_generated_token"):
        first, last = (
            float(torch.stack([scalars[name] for scalars in part]).mean())
            for part in (curves[:10], curves[-10:])
        )
        assert last < 0.85 * first, name
