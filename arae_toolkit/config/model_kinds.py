"""Kinds of plain models: the prior of each, and what draws the codes towards it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arae_toolkit.config.schema import Config, ModelConfig, check_tying

Regularizer = Literal["none", "critic", "kl", "mmd"]
PriorName = Literal["generator", "sphere", "gaussian", "fitted", "none"]
Norm = Literal["sphere", "none"]


@dataclass(frozen=True)
class ModelKind:
    """One kind of model.

    Attributes:
        regularizer: What draws the codes of sentences towards the prior while they are learned.
        on_sphere: The prior where codes lie on the sphere; ``None`` if they may not.
        unbounded: The prior where nothing bounds the codes.
        code_norm: Of the codes unless the settings say otherwise.
        images: Whether there is one of images.
    """

    regularizer: Regularizer
    on_sphere: PriorName | None
    unbounded: PriorName
    code_norm: Norm = "sphere"
    images: bool = True


KINDS = {
    "arae": ModelKind("critic", "generator", "generator"),
    "ae": ModelKind("none", "fitted", "fitted"),
    "aae": ModelKind("critic", "sphere", "gaussian"),
    "vae": ModelKind("kl", None, "gaussian", code_norm="none"),
    "wae": ModelKind("mmd", "sphere", "gaussian", code_norm="none"),
    "language-model": ModelKind("none", "none", "none", images=False),
}
"""By the name that users give."""


def code_space(kind: str, model: ModelConfig) -> tuple[Norm, PriorName]:
    """Return how the codes of a model are bounded, and its prior.

    Args:
        kind: One of :data:`KINDS`.
        model: Its settings.

    Raises:
        ValueError: If the settings cannot go together.
    """
    made = KINDS[kind]
    norm = made.code_norm if model.code_norm == "auto" else model.code_norm
    prior = made.on_sphere if norm == "sphere" else made.unbounded
    if prior is None:
        raise ValueError(f"code_norm=sphere: the Gaussians of a {kind} have no place on a sphere")
    if prior == "generator" and norm == "none" and model.generator_output == "sphere":
        raise ValueError("code_norm=none: codes off the sphere need generator_output=none, or tanh")
    return norm, prior


def check_settings(kind: str, config: Config, *, images: bool) -> None:
    """Refuse settings that are each in their range, and cannot go together.

    Args:
        kind: One of :data:`KINDS`.
        config: Of a model without an attribute.
        images: Whether it is one of images.

    Raises:
        ValueError: Saying which, or that there is no such model of images.
    """
    training = config.training
    if images:
        if not KINDS[kind].images:
            raise ValueError(f"there is no {kind} of images")
        if training.select == "reverse-perplexity":
            raise ValueError(f"select={training.select}: images have no perplexity")
        if config.model.hidden_size < 2 or training.batch_size < 2:
            raise ValueError("hidden_size and batch_size of images must be at least 2")
    else:
        check_tying(config.model)
    code_norm, prior = code_space(kind, config.model)
    if training.flow_weight and (prior == "none" or code_norm == "none"):
        raise ValueError("flow_weight: a flow learns codes on the sphere, see code_norm")
