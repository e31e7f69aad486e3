from collections.abc import Mapping

import pytest
import small
import torch
from small_runs import KillAt, Killed, assert_same_end
from torch import Tensor, nn

from arae_toolkit.models.model_folder import save_model_folder
from arae_toolkit.optim.update import Update, adam, sgd
from arae_toolkit.pretraining.algorithm import ATTRIBUTE_ENCODER, Algorithm
from arae_toolkit.training.checkpoint import STATE
from arae_toolkit.training.loop import Run, fit
from arae_toolkit.training.metrics_log import RunLog


class Push:
    """Adds the same gradient to every code."""

    def __init__(self, gradient: float) -> None:
        self.by = gradient

    def gradient(self, code, batch, *, reference_norm):
        return torch.full_like(code, self.by)


class Following:
    """A network of its own that learns the norm of the reconstruction's gradient."""

    def __init__(self, model, *, gradient_terms=(), encoder_rate=None):
        self.model, self.given, self.asked = model, gradient_terms, []
        torch.manual_seed(1)
        self.network = nn.Linear(1, 1)
        parameters = list(self.network.parameters())
        self.modules: Mapping[str, nn.Module] = {"following": self.network}
        self.updates = {"following": Update(parameters, adam(parameters, rate=0.05))}
        if encoder_rate is not None:
            encoder = list(model.encoder.parameters())
            self.updates[ATTRIBUTE_ENCODER] = Update(encoder, sgd(encoder, rate=encoder_rate))

    def _weights(self):
        return [parameter.detach().clone() for parameter in self.model.encoder.parameters()]

    def prepare(self, iteration):
        self.asked.append(("prepare", iteration, self._weights()))

    def gradient_terms(self):
        self.asked.append(("gradient_terms", None, self._weights()))
        return self.given

    def run(self, code_gradient_norm: Tensor):
        self.asked.append(("run", code_gradient_norm.item(), self._weights()))
        guessed = self.network(torch.ones(1, 1))
        loss = (guessed - code_gradient_norm).square().mean()
        self.updates["following"].descend(loss)
        return {"following": loss.detach()}


def _algorithm(*assignments, prior="generator"):
    config = small.settings(*assignments)
    words = small.vocabulary()
    model = small.model(words, config, prior=prior)
    return Algorithm(model, config, small.store(words), extended=True)


def _after(*gradient_terms):
    """Return the weights of encoder and decoder after an iteration with these pulls."""
    algorithm = _algorithm("autoencoder_optimizer=sgd", "clip_norm=0", prior="fitted")
    algorithm.extend(Following(algorithm.model, gradient_terms=gradient_terms))
    algorithm.iteration(0)
    return (
        torch.cat([p.detach().flatten() for p in network.parameters()])
        for network in (algorithm.model.encoder, algorithm.model.decoder)
    )


def test_it_is_prepared_before_an_iteration_and_runs_behind_it():
    algorithm = _algorithm()
    extension = Following(algorithm.model)
    algorithm.extend(extension)
    for iteration in (0, 1):
        scalars = algorithm.iteration(iteration)
        assert {"nats_per_token", "wasserstein", "following"} <= set(scalars)
        prepared, pulled, ran = extension.asked[-3:]
        assert [name for name, *_ in extension.asked[-3:]] == ["prepare", "gradient_terms", "run"]
        assert prepared[1] == iteration
        assert ran[1] == scalars["code_gradient_norm"].item()
        assert all(map(torch.equal, prepared[2], pulled[2]))
        assert not any(map(torch.equal, pulled[2], ran[2]))


def test_its_pulls_move_the_encoder_and_nothing_else():
    encoder, decoder = _after()
    for gradient_terms in ((Push(0.0),), (Push(0.5), Push(-0.5))):
        encoder_then, decoder_then = _after(*gradient_terms)
        torch.testing.assert_close(encoder_then, encoder)
        assert torch.equal(decoder_then, decoder)
    encoder_then, decoder_then = _after(Push(0.5))
    assert not torch.allclose(encoder_then, encoder)
    assert torch.equal(decoder_then, decoder)


def test_its_update_of_the_encoder_follows_the_autoencoders_rate():
    algorithm = _algorithm("autoencoder_rate=0.2", "warmup=4", "autoencoder_schedule=constant")
    extension = Following(algorithm.model, encoder_rate=7.0)
    algorithm.extend(extension)
    rates = []
    for iteration in (0, 1, 9):
        algorithm.iteration(iteration)
        own, autoencoder, following = (
            algorithm.updates[name].optimizer.param_groups[0]["lr"]
            for name in (ATTRIBUTE_ENCODER, "autoencoder", "following")
        )
        assert own == autoencoder
        assert following == 0.05
        rates.append(own)
    assert rates[0] < rates[1] < rates[2] == 0.2


@pytest.mark.parametrize("killed_at", [1, 4])
def test_its_network_and_optimizer_are_part_of_the_state(tmp_path, killed_at):
    def train(folder, *listeners):
        algorithm = _algorithm("epochs=3", "save_every=2")
        algorithm.extend(Following(algorithm.model))
        folder.mkdir(exist_ok=True)
        save_model_folder(
            folder,
            config={"kind": "text", "model": algorithm.model.arguments},
            vocabulary=algorithm.model.vocabulary,
            tensors=algorithm.model.state_dict(),
        )
        run = Run(folder, {}, RunLog(folder, listeners), lambda *_: {}, lambda: 0)
        state = folder / STATE
        fit(algorithm, run, resume_from=state if state.exists() else None)

    train(tmp_path / "whole")
    with pytest.raises(Killed):
        train(tmp_path / "broken", KillAt(killed_at))
    train(tmp_path / "broken")
    assert_same_end(tmp_path / "whole", tmp_path / "broken")
