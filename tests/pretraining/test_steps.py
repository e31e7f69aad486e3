"""Each update moves what it should, in the direction it should, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import small
import torch
from torch import Tensor, nn

from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.models.arae import ARAE
from arae_toolkit.nn.critic import Critic
from arae_toolkit.nn.priors import Generator, update_average
from arae_toolkit.optim.update import Update
from arae_toolkit.pretraining.objectives import critic_objective
from arae_toolkit.pretraining.steps import (
    CriticTerm,
    critic_step,
    encode_rows,
    encoder_step,
    generator_step,
    reconstruction_step,
)

RATE = 0.05


@pytest.fixture
def arae() -> ARAE:
    return small.model(small.vocabulary())


@pytest.fixture
def critic() -> Critic:
    torch.manual_seed(3)
    return Critic(code_size=10, hidden_sizes=(13,))


@pytest.fixture
def batch() -> TokenBatch:
    import numpy as np

    return small.store(small.vocabulary()).batch(np.arange(6))


def _sgd(*modules: nn.Module, clip_norm: float = 0.0) -> Update:
    parameters = [p for module in modules for p in module.parameters()]
    return Update(parameters, torch.optim.SGD(parameters, lr=RATE), clip_norm=clip_norm)


def _random() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@contextmanager
def _only_moves(everything: dict[str, nn.Module], moved: set[str]) -> Iterator[None]:
    """Check that exactly the named networks change, and that no gradient is left anywhere."""
    before = {
        name: [p.detach().clone() for p in module.parameters()]
        for name, module in everything.items()
    }
    yield
    for name, module in everything.items():
        same = all(
            torch.equal(old, new)
            for old, new in zip(before[name], module.parameters(), strict=True)
        )
        assert same != (name in moved), f"{name} {'stood still' if same else 'moved'}"
        assert all(p.grad is None for p in module.parameters()), f"stray gradient in {name}"


def _networks(arae: ARAE, critic: Critic) -> dict[str, nn.Module]:
    return {
        "encoder": arae.encoder,
        "decoder": arae.decoder,
        "generator": arae.prior,
        "critic": critic,
    }


def _reconstruct(arae: ARAE, batch: TokenBatch, **options: object) -> dict[str, Tensor]:
    return reconstruction_step(
        arae.encoder,
        arae.decoder,
        batch,
        _sgd(arae.encoder, arae.decoder),
        code_noise=torch.zeros(()),
        generator=_random(),
        **options,  # type: ignore[arg-type]
    )


def test_reconstruction_moves_encoder_and_decoder(
    arae: ARAE, critic: Critic, batch: TokenBatch
) -> None:
    """Step 1 leaves critic and generator alone."""
    with _only_moves(_networks(arae, critic), {"encoder", "decoder"}):
        _reconstruct(arae, batch)


def test_joint_reconstruction_leaves_the_critic_alone(
    arae: ARAE, critic: Critic, batch: TokenBatch
) -> None:
    """The critic's pull passes through it without leaving a trace."""
    with _only_moves(_networks(arae, critic), {"encoder", "decoder"}):
        _reconstruct(arae, batch, gradient_terms=[CriticTerm(critic, torch.tensor(1.0))])


def test_reconstruction_equals_plain_backpropagation(arae: ARAE, batch: TokenBatch) -> None:
    """Cutting the graph at the code changes no weight update."""
    import copy

    twin = copy.deepcopy(arae)
    update = _sgd(twin.encoder, twin.decoder)
    loss = twin.decoder.nats(twin.encoder(batch), batch) / len(batch)
    loss.backward()
    update.optimizer.step()
    scalars = _reconstruct(arae, batch)
    assert scalars["nats_per_sentence"].item() == pytest.approx(loss.item(), rel=1e-5)
    for ours, theirs in zip(arae.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_reconstruction_reduces_the_loss(arae: ARAE, batch: TokenBatch) -> None:
    """Repeated on one batch, it learns it."""
    losses = [float(_reconstruct(arae, batch)["nats_per_sentence"]) for _ in range(30)]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("constraint", ["clip", "gradient_penalty"])
def test_critic_step_moves_the_critic_alone(
    arae: ARAE, critic: Critic, batch: TokenBatch, constraint: str
) -> None:
    """Step 2 leaves encoder, decoder and generator alone."""
    with torch.no_grad():
        real, generated = arae.encoder(batch), arae.prior.sample(6, generator=_random())
    with _only_moves(_networks(arae, critic), {"critic"}):
        critic_step(
            critic,
            real,
            generated,
            _sgd(critic),
            constraint=constraint,  # type: ignore[arg-type]
            mix=torch.rand(6, 1, generator=_random()),
        )
    if constraint == "clip":
        assert max(p.abs().max().item() for p in critic.parameters()) <= 0.01 + 1e-8


def test_the_critic_ascends(arae: ARAE, critic: Critic, batch: TokenBatch) -> None:
    """After some steps real codes score higher than generated ones, by more than before."""
    with torch.no_grad():
        real, generated = arae.encoder(batch), arae.prior.sample(6, generator=_random())
        before = float(critic_objective(critic(real), critic(generated)))
    update = _sgd(critic)
    for _ in range(20):
        critic_step(
            critic,
            real,
            generated,
            update,
            constraint="gradient_penalty",
            mix=torch.rand(6, 1, generator=_random()),
            penalty_weight=1.0,
        )
    after = float(critic_objective(critic(real), critic(generated)).detach())
    assert after > before
    assert after > 0


def test_generator_step_moves_the_generator_up_the_critic(arae: ARAE, critic: Critic) -> None:
    """Step 3's theta half raises the scores of generated codes."""
    assert isinstance(arae.prior, Generator)
    noise = torch.randn(16, 5, generator=_random())
    before = float(critic(arae.prior(noise)).mean().detach())
    with _only_moves(_networks(arae, critic), {"generator"}):
        generator_step(critic, arae.prior, noise, _sgd(arae.prior))
    assert float(critic(arae.prior(noise)).mean().detach()) > before


def test_encoder_step_moves_the_encoder_down_the_critic(
    arae: ARAE, critic: Critic, batch: TokenBatch
) -> None:
    """Step 3's phi half lowers the scores of encoded sentences; the decoder stands still."""
    before = float(critic(arae.encoder(batch)).mean().detach())
    with _only_moves(_networks(arae, critic), {"encoder"}):
        encoder_step(
            CriticTerm(critic, torch.tensor(1.0)),
            arae.encoder,
            [batch],
            _sgd(arae.encoder),
            reference_norm=torch.tensor(0.0),
        )
    assert float(critic(arae.encoder(batch)).mean().detach()) < before


def test_norm_mode_makes_the_weight_a_share_of_the_reconstruction_gradient(critic: Critic) -> None:
    """The 2017 rule: the pull's mean norm is weight x reference, whatever the critic's slope."""
    code = torch.nn.functional.normalize(torch.randn(8, 10, generator=_random()), dim=1)
    term, reference = CriticTerm(critic, torch.tensor(0.01), "norm"), torch.tensor(5.0)
    pull = term.gradient(code, None, reference_norm=reference)
    assert float(pull.norm(dim=1).mean()) == pytest.approx(0.05, rel=1e-4)
    doubled, single = (
        CriticTerm(critic, torch.tensor(weight)).gradient(code, None, reference_norm=reference)
        for weight in (2.0, 1.0)
    )
    torch.testing.assert_close(doubled, 2 * single)


def test_clipping_bounds_the_step(arae: ARAE, batch: TokenBatch) -> None:
    """A clipped SGD step is no longer than rate x clip norm."""
    before = [p.detach().clone() for p in arae.encoder.parameters()]
    before += [p.detach().clone() for p in arae.decoder.parameters()]
    reconstruction_step(
        arae.encoder,
        arae.decoder,
        batch,
        _sgd(arae.encoder, arae.decoder, clip_norm=0.1),
        code_noise=torch.zeros(()),
        generator=_random(),
    )
    after = [*arae.encoder.parameters(), *arae.decoder.parameters()]
    length = sum((b - a).square().sum().item() for a, b in zip(before, after, strict=True)) ** 0.5
    assert length == pytest.approx(RATE * 0.1, rel=1e-3)


def test_one_encoder_pass_for_several_critic_steps_changes_nothing(arae: ARAE) -> None:
    """Codes encoded together equal those encoded step by step, row for row."""
    import numpy as np

    store = small.store(small.vocabulary())
    rows = np.array([3, 1, 7, 0, 0, 5, 2, 6, 4, 3])
    together = encode_rows(arae.encoder, *store.grouped(rows, groups=3))
    apart = [
        encode_rows(arae.encoder, *store.grouped(part, groups=1)) for part in (rows[:5], rows[5:])
    ]
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-5, atol=1e-6)


def test_the_running_mean_of_weights() -> None:
    """After one update the mean has moved by 1 - decay of the way."""
    mean, current = nn.Linear(2, 2), nn.Linear(2, 2)
    expected = 0.9 * mean.weight.detach() + 0.1 * current.weight.detach()
    update_average(mean, current, decay=0.9)
    torch.testing.assert_close(mean.weight.detach(), expected)
