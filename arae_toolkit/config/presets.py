"""Presets: the default settings, the published ones, and some small enough for a demonstration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from arae_toolkit.config.schema import Config, ModelConfig, TrainingConfig

# Deviation: the appendix with the paper's hyper-parameters is lost; these are the published code's.
_PUBLISHED_MODEL = ModelConfig(
    code_gain=1.0,
    generator_normalization="batch",
    generator_output="none",
    critic_normalization="batch",
)
_PUBLISHED_2018 = TrainingConfig(
    epochs=15,
    autoencoder_optimizer="sgd",
    autoencoder_rate=1.0,
    autoencoder_schedule="constant",
    warmup=0,
    loss_unit="token",
    clip_norm=1.0,
    forget_bias=0.0,
    perceptron_deviation=0.02,
    code_noise=0.05,
    critic_steps=5,
    encoder_update="separate",
    adversarial_weight=0.1,
    adversarial_warmup=0,
    adversarial_rate_critic=1e-4,
    adversarial_rate_generator=1e-4,
    adversarial_beta2=0.999,
    penalty_weight=1.0,
    penalty_of_batch_mean=True,
    generator_average=0.0,
)

# Deviation: the published code has three tables of word vectors. One learns faster: what the
# softmax learns of a word, encoder and decoder know at once; see docs/performance.md.
_TIED = ModelConfig(tied_embeddings="all")
# Deviation: the paper's codes have 300 dimensions. Smaller ones stand more noise.
_SMALL_CODES = replace(_TIED, code_size=64, code_gain=8.0)
# Deviation: the paper's noise falls, and its critic alone draws the codes together. Where the noise
# stays, a generator with as much of it covers the codes; a flow's loss beside the critic's brings
# those of like sentences together. docs/training.md has what each was found to do.
_REGULAR = Config(
    replace(_SMALL_CODES, generator_noise=0.07),
    TrainingConfig(code_noise=0.07, code_noise_factor=1.0, flow_weight=0.2, adversarial_weight=1.0),
)
# Two thirds of the sums of a default iteration are the softmax's; see docs/performance.md.
_FAST: dict[str, Any] = {"softmax_samples": 512, "critic_steps": 1}

PRESETS: dict[str, Config] = {
    "default": _REGULAR,
    "faithful": Config(_TIED),
    "paper-2018": Config(_PUBLISHED_MODEL, _PUBLISHED_2018),
    "paper-2017": Config(
        _PUBLISHED_MODEL,
        replace(
            _PUBLISHED_2018,
            code_noise=0.2,
            code_noise_factor=0.995,
            encoder_steps=5,
            gan_rounds_grow_at=(2, 4, 6),
            adversarial_weight=0.01,
            encoder_gradient="norm",
            adversarial_rate_critic=1e-5,
            adversarial_rate_generator=5e-5,
            adversarial_beta1=0.9,
            critic_constraint="clip",
            clip_bound=0.01,
        ),
    ),
    "fast": Config(_REGULAR.model, replace(_REGULAR.training, **_FAST)),
    # Where samples and walks read best: docs/results/generation.md.
    "fluent": Config(
        replace(_REGULAR.model, generator_noise=0.1),
        replace(_REGULAR.training, code_noise=0.1, flow_weight=0.5, **_FAST),
    ),
    "demo": Config(
        ModelConfig(
            embedding_size=96,
            code_size=96,
            hidden_size=128,
            noise_size=32,
            code_gain=9.8,
            generator_sizes=(96, 96),
            critic_sizes=(96, 96),
        ),
        TrainingConfig(
            epochs=10,
            autoencoder_rate=5e-3,
            adversarial_weight=1.0,
            adversarial_warmup=200,
            warmup=100,
            log_every=50,
            generator_average=0.99,
        ),
    ),
}
"""Named settings.

As they are for an ARAE of sentences without an attribute. Its ``default`` has small codes and
noise that stays; ``faithful`` leaves it to the critic alone to regularise codes, as the paper does,
and gives sentences back best. ``fast`` is the default with the softmax estimated from the words of
a batch and 512 others, and with one critic step, not three. ``fluent`` is ``fast`` with more noise
and a flow that weighs more: its samples and walks read better, and it gives sentences back less
well; of what is no ARAE of sentences it is the same as ``fast``. ``demo`` learns the synthetic
corpus in some three minutes on one core.
"""

_TRAINING_OF_OTHERS = {
    "default": TrainingConfig(),
    "fast": TrainingConfig(**_FAST),
    "fluent": TrainingConfig(**_FAST),
}
"""What models other than those ARAEs are trained with: baselines without the ARAE's regularisers,
transfer models, and images."""

_FOR_CORPUS: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {
    ("paper-2018", "yelp"): (
        {
            "embedding_size": 128,
            "code_size": 128,
            "hidden_size": 128,
            "noise_size": 32,
            "generator_sizes": (128, 128),
            "critic_sizes": (128, 128),
            "classifier_sizes": (128, 128),
        },
        {
            "epochs": 25,
            "code_noise": 0.1,
            "adversarial_weight": 0.01,
            "penalty_weight": 0.1,
            "classifier_rate": 1e-4,
            "attribute_warmup": 0,
        },
    ),
}
# The paper treats the two transfer corpora alike.
_FOR_CORPUS["paper-2018", "yahoo"] = _FOR_CORPUS["paper-2018", "yelp"]
# Deviation: the published code has 128 units. These suit bfloat16, and larger batches the decoders,
# which share them.
_TRANSFER_SIZES: dict[str, Any] = {
    "tied_embeddings": "none",
    "embedding_size": 256,
    "code_size": 256,
    "hidden_size": 256,
    "noise_size": 64,
    "code_gain": 16.0,
    "generator_sizes": (256, 256),
    "critic_sizes": (256, 256),
    "classifier_sizes": (256, 256),
}
for _name in ("default", "faithful", "fast", "fluent"):
    for _corpus in ("yelp", "yahoo"):
        _FOR_CORPUS[_name, _corpus] = (
            _TRANSFER_SIZES,
            {"adversarial_weight": 1.0, "batch_size": 256},
        )

IMAGES = ("mnist", "digits")
_IMAGE_SIZES: dict[str, Any] = {
    "tied_embeddings": "none",
    "code_size": 100,
    "hidden_size": 800,
    "noise_size": 32,
    "generator_sizes": (64, 100, 150),
    "critic_sizes": (100, 60, 20),
}
_FOR_CORPUS["default", "mnist"] = (
    _IMAGE_SIZES,
    {
        "batch_size": 100,
        "epochs": 20,
        "autoencoder_rate": 1e-3,
        "code_noise": 0.1,
        "code_noise_factor": 0.99,
    },
)
_FOR_CORPUS["faithful", "mnist"] = _FOR_CORPUS["default", "mnist"]
# An image has no vocabulary whose softmax could be estimated.
_FOR_CORPUS["fast", "mnist"] = (
    _IMAGE_SIZES,
    {**_FOR_CORPUS["default", "mnist"][1], "softmax_samples": 0},
)
_FOR_CORPUS["fluent", "mnist"] = _FOR_CORPUS["fast", "mnist"]
_FOR_CORPUS["demo", "mnist"] = (
    {**_IMAGE_SIZES, "code_size": 32, "hidden_size": 240, "noise_size": 16},
    {"batch_size": 100, "epochs": 2, "code_noise": 0.1, "code_noise_factor": 0.99},
)
# 1,100 images of 64 pixels: small networks, many passes.
for _name in ("default", "faithful", "fast", "fluent", "demo"):
    _FOR_CORPUS[_name, "digits"] = (
        {
            **_IMAGE_SIZES,
            "code_size": 32,
            "hidden_size": 240,
            "noise_size": 16,
            "generator_sizes": (64, 100),
            "critic_sizes": (100, 60),
        },
        {
            "epochs": 150,
            "autoencoder_rate": 1e-3,
            "adversarial_warmup": 300,
            "code_noise": 0.1,
            "code_noise_factor": 1.0,
            "evaluate_every": 1000,
            "evaluation_sentences": 200,
            "softmax_samples": 0,
        },
    )
# Deviation: the published image code trains for 100 rounds of 100 iterations, which 18 epochs come
# to. One image code was published, so both presets are the same.
_FOR_CORPUS["paper-2017", "mnist"] = (
    {**_IMAGE_SIZES, "generator_output": "tanh"},
    {
        "batch_size": 100,
        "epochs": 18,
        "autoencoder_optimizer": "adam",
        "autoencoder_rate": 5e-4,
        "clip_norm": 0.0,
        "code_noise": 0.4,
        "code_noise_factor": 0.99,
        "critic_steps": 10,
        "encoder_steps": 10,
        "gan_rounds_grow_at": (),
        "adversarial_weight": 0.2,
        "encoder_gradient": "scale",
        "adversarial_rate_critic": 5e-5,
        "adversarial_rate_generator": 5e-4,
        "adversarial_beta1": 0.9,
        "critic_constraint": "clip",
        "clip_bound": 0.05,
    },
)
_FOR_CORPUS["paper-2018", "mnist"] = _FOR_CORPUS["paper-2017", "mnist"]


def preset(name: str, *, corpus: str, kind: str = "arae", transfer: bool = False) -> Config:
    """Return a preset's settings for a corpus.

    Args:
        name: One of :data:`PRESETS`.
        corpus: Its name.
        kind: Of the model, one of :data:`~arae_toolkit.config.model_kinds.KINDS`.
        transfer: Whether they are a transfer model's, whose decoders have a table of word vectors
            each.

    Raises:
        ValueError: If there is no preset of this name.
    """
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}; choose one of {', '.join(PRESETS)}")
    config = PRESETS[name]
    others = _TRAINING_OF_OTHERS.get(name)
    if others and (transfer or corpus in IMAGES):
        config = Config(_TIED, others)
    elif others and kind != "arae":
        config = Config(_SMALL_CODES, others)
    model, training = _FOR_CORPUS.get((name, corpus), ({}, {}))
    if transfer:
        model = {**model, "tied_embeddings": "none", "output_map": False}
    return Config(replace(config.model, **model), replace(config.training, **training))
