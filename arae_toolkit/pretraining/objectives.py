"""The objectives of the paper, one function each. The critic is high on real codes.

Signs follow Zhao et al. (ICML 2018), section 3: the critic *ascends* ``E f(z) - E f(z~)``; encoder
and generator descend it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

# Below this norm a gradient's direction is undefined; the offset keeps the penalty's own gradient
# finite there.
NORM_OFFSET = 1e-12

AdversarialLoss = Literal["wasserstein", "cross-entropy"]
"""The paper's, or that of the first GANs (Goodfellow et al., 2014), whose generator descends
``-log D``: what the paper's footnote 1 compares it with."""


def reconstruction_nll(logits: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    r"""Return the mean negative log-likelihood of the target sentences, in nats per sentence.

    The decoder term of the ARAE objective (Zhao et al., ICML 2018, Algorithm 1, step 1), written
    plainly over padded scores. Training uses the equal
    :func:`~arae_toolkit.ops.linear_cross_entropy.linear_cross_entropy`.

    Args:
        logits: Decoder scores before the softmax. Shape (B, T, V).
        targets: Gold token ids, right-padded. Shape (B, T), int64.
        lengths: Tokens per sentence, ``<eos>`` included. Shape (B,), each in [1, T].

    Returns:
        Scalar tensor in nats per *sentence*. For perplexity use
        ``exp(nll * B / lengths.sum())``, which is per token.

    Raises:
        ValueError: If the three shapes disagree, or a length lies outside [1, T].

    Example:
        >>> uniform = torch.zeros(1, 2, 4)  # every token has p = 1/4
        >>> reconstruction_nll(uniform, torch.tensor([[3, 0]]), torch.tensor([1]))
        tensor(1.3863)
    """
    if logits.shape[:2] != targets.shape or lengths.shape != targets.shape[:1]:
        raise ValueError(
            f"logits {tuple(logits.shape)}, targets {tuple(targets.shape)} and lengths "
            f"{tuple(lengths.shape)} do not fit together"
        )
    if bool(((lengths < 1) | (lengths > targets.shape[1])).any()):
        raise ValueError(f"every length must lie in [1, {targets.shape[1]}]")
    log_probability = logits.log_softmax(dim=-1).gather(2, targets[:, :, None])[:, :, 0]
    real = torch.arange(targets.shape[1], device=targets.device) < lengths[:, None]
    return -(log_probability * real).sum() / len(targets)


def critic_objective(
    real_scores: Tensor, generated_scores: Tensor, *, loss: AdversarialLoss = "wasserstein"
) -> Tensor:
    """Return ``mean f(z) - mean f(z~)``, which the critic ascends (Algorithm 1, step 2).

    At a 1-Lipschitz critic's optimum this is the Wasserstein-1 distance of the two code
    distributions, so it doubles as its estimate.

    Args:
        real_scores: Critic scores of encoded sentences. Shape (B,).
        generated_scores: Critic scores of generated codes. Shape (B,).
        loss: ``cross-entropy`` takes scores for log-odds of being real, and returns the mean log
            probability of being right, ``E log D(z) + E log(1 - D(z~))``.

    Example:
        >>> critic_objective(torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.0]))
        tensor(2.)
    """
    if loss == "cross-entropy":
        right = functional.logsigmoid(real_scores), functional.logsigmoid(-generated_scores)
        return right[0].mean() + right[1].mean()
    return real_scores.mean() - generated_scores.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    generated: Tensor,
    *,
    mix: Tensor,
    of_batch_mean: bool = False,
) -> Tensor:
    """Return the mean of ``(|gradient| - 1)^2`` between real and generated codes.

    The one-centred penalty of Gulrajani et al. (2017), which keeps the critic's slope near 1.

    Args:
        critic: Maps codes (B, Z) to scores (B,).
        real: Encoded sentences. Shape (B, Z).
        generated: Generated codes. Shape (B, Z).
        mix: Where between the two each row is probed, uniform in [0, 1]. Shape (B, 1).
        of_batch_mean: Differentiate the *mean* score, as the code published in 2018 did. That asks
            each row for a slope of B instead of 1; kept for comparison only.

    Example:
        A linear critic's gradient is its weight vector everywhere, here of norm 5:

        >>> weight = torch.tensor([3.0, 4.0])
        >>> rows = torch.zeros(2, 2)
        >>> gradient_penalty(lambda code: code @ weight, rows, rows, mix=torch.rand(2, 1))
        tensor(16.)
    """
    between = (mix * real.detach() + (1 - mix) * generated.detach()).requires_grad_()
    scores = critic(between)
    target = scores.mean() if of_batch_mean else scores.sum()
    (slope,) = torch.autograd.grad(target, between, create_graph=True)
    norms = (slope.square().sum(dim=1) + NORM_OFFSET).sqrt()
    return (norms - 1).square().mean()


def generator_objective(
    generated_scores: Tensor, *, loss: AdversarialLoss = "wasserstein"
) -> Tensor:
    """Return ``-mean f(z~)``, which the generator descends (Algorithm 1, step 3).

    With ``cross-entropy`` that is ``-E log D(z~)``, the form that does not saturate.
    """
    if loss == "cross-entropy":
        return -functional.logsigmoid(generated_scores).mean()
    return -generated_scores.mean()


def encoder_objective(real_scores: Tensor, *, loss: AdversarialLoss = "wasserstein") -> Tensor:
    """Return ``mean f(z)``, which the encoder descends (Algorithm 1, step 3).

    With ``cross-entropy`` that is ``-E log(1 - D(z))``: real codes are to be taken for generated.
    """
    if loss == "cross-entropy":
        return -functional.logsigmoid(-real_scores).mean()
    return real_scores.mean()


def classifier_nats(scores: Tensor, labels: Tensor, *, class_weights: Tensor) -> Tensor:
    """Return ``-log p_u(y | z)``, which the attribute classifier descends (Algorithm 2, step 2b).

    Args:
        scores: Of the attribute's values, before the softmax. Shape (B, A).
        labels: The values. Shape (B,), int64.
        class_weights: Of each value in the mean over the batch. Shape (A,).

    Returns:
        Nats a sentence, scalar.
    """
    return functional.cross_entropy(scores, labels, weight=class_weights)


def flipped_label_nats(scores: Tensor, labels: Tensor, *, class_weights: Tensor) -> Tensor:
    """Return ``-log p_u(1 - y | z)``, which the encoder descends (Algorithm 2, step 3b).

    With more than two values there is no ``1 - y``: it is the mean over all wrong values, what the
    paper's loss is in expectation if the flipped label is drawn from them.

    Args:
        scores: Of the attribute's values, before the softmax. Shape (B, A).
        labels: The true values. Shape (B,), int64.
        class_weights: Of each true value in the mean over the batch. Shape (A,).

    Returns:
        Nats a sentence, scalar.

    Example:
        >>> scores = torch.tensor([[0.0, 0.0, 0.0]])
        >>> flipped_label_nats(scores, torch.tensor([1]), class_weights=torch.ones(3))
        tensor(1.0986)
    """
    # Deviation: the paper has two values only.
    log_probability = scores.log_softmax(dim=1)
    own = log_probability.gather(1, labels[:, None])[:, 0]
    wrong = (log_probability.sum(dim=1) - own) / (scores.shape[1] - 1)
    weights = class_weights[labels]
    return -(weights * wrong).sum() / weights.sum()
