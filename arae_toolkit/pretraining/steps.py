"""The updates of Algorithm 1, one function each. None of them waits for the device.

Each runs its own forward pass, differentiates with respect to its own parameters alone, and steps
its own optimizer. What it returns are detached scalar tensors, named with their units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from arae_toolkit.data.noise import add_code_noise, with_noise
from arae_toolkit.data.token_batches import Batch
from arae_toolkit.devices import reduced
from arae_toolkit.models.interfaces import BatchEncoder, CodeDecoder
from arae_toolkit.nn.code_head import drawn
from arae_toolkit.nn.critic import Critic
from arae_toolkit.nn.priors import Generator
from arae_toolkit.ops.critic_gradients import analytic_gradients, hidden_layers
from arae_toolkit.ops.sampled_softmax import SoftmaxSample
from arae_toolkit.optim.update import Scalars, Update
from arae_toolkit.pretraining.objectives import (
    NORM_OFFSET,
    AdversarialLoss,
    critic_objective,
    encoder_objective,
    generator_objective,
    gradient_penalty,
)
from arae_toolkit.pretraining.regularizers import CodeRegularizer


class GradientTerm(Protocol):
    """A gradient at the codes that joins the reconstruction's in a joint encoder update."""

    def gradient(self, code: Tensor, batch: Any, *, reference_norm: Tensor) -> Tensor:
        """Return the weighted gradient that is added to the reconstruction's. Shape (B, Z).

        Args:
            code: Of the batch, without a graph. Shape (B, Z).
            batch: What the codes are of.
            reference_norm: Mean norm of the reconstruction's gradient over rows, scalar tensor.
        """


@dataclass(frozen=True)
class CriticTerm:
    """The critic's gradient at the codes of an encoder update (Algorithm 1, step 3).

    Attributes:
        critic: Fixed during the update.
        weight: lambda(1), scalar tensor.
        mode: ``scale`` multiplies by the weight; ``norm`` first brings the mean norm of the rows'
            gradients to ``reference_norm``, so that the weight is a share of the reconstruction's
            gradient on any corpus.
        loss: Of the critic.
        noise: Standard deviation of the noise with which the critic sees codes.
        random: Source of that noise.
    """

    critic: Critic
    weight: Tensor
    mode: Literal["scale", "norm"] = "scale"
    loss: AdversarialLoss = "wasserstein"
    noise: float = 0.0
    random: torch.Generator | None = None

    def gradient(self, code: Tensor, batch: Any, *, reference_norm: Tensor) -> Tensor:
        """Return the weighted gradient of ``mean f(z)``. Shape (B, Z)."""
        del batch
        probe = code.detach().requires_grad_()
        seen = with_noise(probe, self.noise, self.random)
        (gradient,) = torch.autograd.grad(
            encoder_objective(self.critic(seen), loss=self.loss), probe
        )
        if self.mode == "norm":
            own = gradient.norm(dim=1).mean()
            gradient = gradient * (reference_norm / own.clamp(min=1e-12))
        return self.weight * gradient


def reconstruction_step(
    encoder: BatchEncoder,
    decoder: CodeDecoder,
    batch: Batch,
    update: Update,
    *,
    code_noise: Tensor,
    generator: torch.Generator,
    word_drop: float = 0.0,
    per_token: bool = False,
    dtype: torch.dtype = torch.float32,
    gradient_terms: Sequence[GradientTerm] = (),
    regularizer: CodeRegularizer | None = None,
    softmax_samples: int = 0,
    decoder_word_drop: float = 0.0,
    variational: bool = False,
) -> Scalars:
    """Train encoder and decoder to reconstruct (Algorithm 1, step 1).

    Args:
        encoder: Moved.
        decoder: Moved.
        batch: m sentences or images.
        update: Of the encoder's and decoder's parameters.
        code_noise: Standard deviation of the noise on the codes, scalar tensor.
        generator: Source of the noise.
        word_drop: Share of the encoder's input words (pixels) hidden from it.
        per_token: Descend nats per token (pixel) instead of nats per sentence (image).
        dtype: ``bfloat16`` runs the matrix products of encoder and decoder in it.
        gradient_terms: Added to this update of the encoder: its part of step 3, and of step 3b.
        regularizer: Of the codes, or of the posteriors.
        softmax_samples: Words beside the batch's own that a text decoder's softmax is estimated
            from; 0 takes the whole vocabulary.
        decoder_word_drop: Share of the words hidden from the decoder.
        variational: Whether the encoder gives posteriors, from which codes are drawn (the VAE).

    Returns:
        ``nats_per_sentence`` and ``nats_per_token``, or ``nats_per_image`` and ``nats_per_pixel``;
        ``code_gradient_norm`` (mean over rows, of the reconstruction alone); ``gradient_norm``;
        and what the regularizer names.
    """
    visible = batch.corrupted(share=word_drop, generator=generator)
    encode: Callable[[Batch], Tensor] = encoder.posterior if variational else encoder
    with reduced(batch.device, dtype):
        code = encode(visible)
        # The graph is cut at the code: its gradient is measured, and the critic's is added there.
        leaf = code.detach().requires_grad_()
        fed = drawn(leaf, generator=generator) if variational else leaf
        noisy = add_code_noise(fed, deviation=code_noise, generator=generator)
        sample = SoftmaxSample(softmax_samples, generator)
        read = batch.corrupted(share=decoder_word_drop, generator=generator)
        nats = decoder.nats(noisy, batch, dtype=dtype, sample=sample, read=read)
    loss = nats / (batch.symbols if per_token else len(batch))
    loss.backward(inputs=[leaf, *decoder.parameters()])
    gradient = leaf.grad
    assert gradient is not None
    norm_of_reconstruction = gradient.norm(dim=1).mean()
    for term in gradient_terms:
        gradient = gradient + term.gradient(
            code.detach(), batch, reference_norm=norm_of_reconstruction
        )
    measured: Scalars = {}
    if regularizer is not None:
        own, measured = regularizer.gradient(code.detach(), generator=generator)
        gradient = gradient + own * (len(batch) / batch.symbols if per_token else 1.0)
    if code.requires_grad:  # a language model has no encoder
        code.backward(gradient, inputs=list(encoder.parameters()))
    norm = update.apply()
    return measured | {
        f"nats_per_{batch.row_name}": nats.detach() / len(batch),
        f"nats_per_{batch.symbol_name}": nats.detach() / batch.symbols,
        "code_gradient_norm": norm_of_reconstruction,
        "gradient_norm": norm,
    }


def critic_step(
    critic: Critic,
    real: Tensor,
    generated: Tensor,
    update: Update,
    *,
    constraint: Literal["clip", "gradient_penalty", "spectral"],
    mix: Tensor | None = None,
    clip_bound: float = 0.01,
    penalty_weight: float = 10.0,
    penalty_of_batch_mean: bool = False,
    loss: AdversarialLoss = "wasserstein",
) -> Scalars:
    """Train the critic to tell encoded from generated codes (Algorithm 1, step 2).

    Args:
        critic: Moved, in float32 whatever the precision of the rest.
        real: Encoded sentences, without a graph. Shape (B, Z).
        generated: Codes from the prior, without a graph. Shape (B, Z).
        update: Of the critic's parameters.
        constraint: What keeps the critic Lipschitz.
        mix: Where between the two the penalty is probed, uniform in [0, 1], (B, 1); needed for
            ``gradient_penalty``.
        clip_bound: Epsilon of weight clipping.
        penalty_weight: Weight of the gradient penalty.
        penalty_of_batch_mean: See :func:`~arae_toolkit.pretraining.objectives.gradient_penalty`.
        loss: See :func:`~arae_toolkit.pretraining.objectives.critic_objective`.

    Returns:
        ``wasserstein`` (the objective that the critic ascends, whichever it is) and
        ``critic_gradient_norm``, with ``gradient_penalty`` where there is one.

    Raises:
        ValueError: If the penalty is to be probed nowhere.
    """
    if constraint != "gradient_penalty":
        mix = None
    elif mix is None:
        raise ValueError("a gradient penalty is probed somewhere: give mix")
    objective, penalty = set_gradients(
        critic,
        real,
        generated,
        mix=mix,
        penalty_weight=penalty_weight,
        of_batch_mean=penalty_of_batch_mean,
        loss=loss,
    )
    scalars = {"wasserstein": objective}
    if penalty is not None:
        scalars["gradient_penalty"] = penalty
    scalars["critic_gradient_norm"] = update.apply()
    if constraint == "clip":
        critic.clip_weights(clip_bound)
    return scalars


def set_gradients(
    critic: Critic,
    real: Tensor,
    generated: Tensor,
    *,
    mix: Tensor | None,
    penalty_weight: float,
    of_batch_mean: bool,
    loss: AdversarialLoss = "wasserstein",
) -> tuple[Tensor, Tensor | None]:
    """Set the gradients of ``-objective + penalty_weight * penalty``; return both terms.

    By automatic differentiation, or for the usual critics by the same gradients written out,
    which take a third of the operations.

    Args:
        critic: Its parameters must have no gradients.
        real: Encoded sentences. Shape (B, Z).
        generated: Generated codes. Shape (B, Z).
        mix: Where between the two the penalty is probed, (B, 1); ``None`` for no penalty.
        penalty_weight: Of the penalty.
        of_batch_mean: See :func:`~arae_toolkit.pretraining.objectives.gradient_penalty`.
        loss: Only the paper's is written out.

    Returns:
        Scalar tensors; the penalty is ``None`` without ``mix``.
    """
    layers = hidden_layers(critic.layers) if loss == "wasserstein" else None
    if layers is not None:
        share = 1 / len(real) if of_batch_mean else 1.0
        terms = {"penalty_weight": penalty_weight, "share": share, "offset": NORM_OFFSET}
        return analytic_gradients(critic.layers, layers, real, generated, mix, **terms)
    objective = critic_objective(critic(real), critic(generated), loss=loss)
    descended, penalty = -objective, None
    if mix is not None:
        penalty = gradient_penalty(critic, real, generated, mix=mix, of_batch_mean=of_batch_mean)
        descended = descended + penalty_weight * penalty
    descended.backward(inputs=list(critic.parameters()))
    return objective.detach(), None if penalty is None else penalty.detach()


def generator_step(
    critic: Critic,
    prior: Generator,
    noise: Tensor,
    update: Update,
    *,
    loss: AdversarialLoss = "wasserstein",
    random: torch.Generator | None = None,
) -> Scalars:
    """Train the generator against the critic (Algorithm 1, step 3, the theta half).

    Args:
        critic: Fixed.
        prior: Moved.
        noise: s ~ N(0, I). Shape (B, S).
        update: Of the generator's parameters.
        loss: See :func:`~arae_toolkit.pretraining.objectives.generator_objective`.
        random: Source of the noise that generated codes have in the prior, if any.
    """
    seen = with_noise(prior(noise), prior.noise, random)
    norm = update.descend(generator_objective(critic(seen), loss=loss))
    return {"generator_gradient_norm": norm}


def encoder_step(
    term: CriticTerm,
    encoder: Callable[[Batch], Tensor],
    batches: Sequence[Batch],
    update: Update,
    *,
    reference_norm: Tensor,
    dtype: torch.dtype = torch.float32,
) -> Scalars:
    """Train the encoder against the critic (Algorithm 1, step 3, the phi half).

    Args:
        term: Of the critic, which is fixed.
        encoder: Moved.
        batches: The m sentences or images, in one or more parts.
        update: Of the encoder's parameters.
        reference_norm: Mean norm of the reconstruction's gradient at the code, scalar tensor.
        dtype: ``bfloat16`` runs the encoder's matrix products in it.
    """
    with reduced(batches[0].device, dtype):
        code = torch.cat([encoder(batch) for batch in batches])
    gradient = term.gradient(code.detach(), batches, reference_norm=reference_norm)
    code.backward(gradient, inputs=update.parameters)
    return {"encoder_gradient_norm": update.apply()}


@torch.no_grad()
def encode_rows(
    encoder: Callable[[Batch], Tensor],
    batches: Sequence[Batch],
    order: Tensor | None = None,
    *,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Encode without a graph what :meth:`Store.grouped` gathered, rows in asked-for order.

    The encoder does not move between critic steps, so one call serves several of them.
    """
    with reduced(batches[0].device, dtype):
        codes = torch.cat([encoder(batch) for batch in batches])
    return codes if order is None else codes[order]
