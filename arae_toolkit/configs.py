"""Settings of a pretraining run: dataclasses, and overrides from TOML or ``key=value``."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, cast

from arae_toolkit.errors import DataError


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and forms of the networks."""

    encoder: Literal["lstm", "bilstm-max"] = "lstm"
    """``lstm``, the paper's, takes its last state as the code; ``bilstm-max`` the maximum of two
    directions' states, the classifiers' encoder. Text only."""
    embedding_size: int = 300
    """E, of encoder and decoder each. Text only."""
    code_size: int = 300
    """Z, and the encoder's state size."""
    hidden_size: int = 300
    """H, the decoder's state size. For images the encoder's first layer, which the sizes of all
    others follow: 800 makes 800-400 in the encoder and 400-800-1000 in the decoder."""
    noise_size: int = 100
    """S, dimensions of the generator's Gaussian input."""
    # Deviation: the paper feeds the unit-norm code as it is.
    code_gain: float = 17.3
    """Factor on the code where it enters the decoder; about sqrt(Z). The paper's is 1. Text only:
    batch normalization takes it out of an image decoder."""
    generator_sizes: tuple[int, ...] = (300, 300)
    """Hidden layers of the generator."""
    # Deviation: batch normalization makes a sample depend on its batch.
    generator_normalization: Literal["none", "batch", "layer"] = "layer"
    """Between the generator's layers; the paper's code used ``batch``."""
    # Deviation: the paper bounds it by tanh; the encoder's codes lie on the sphere.
    generator_output: Literal["sphere", "tanh", "none"] = "sphere"
    """Bound of generated codes; the paper's is ``tanh``, its code had none."""
    critic_sizes: tuple[int, ...] = (300, 300)
    """Hidden layers of the critic."""
    critic_normalization: Literal["none", "batch", "layer", "spectral"] = "none"
    """Between the critic's layers; the paper's code used ``batch``."""


@dataclass(frozen=True)
class TrainingConfig:
    """The schedule of Algorithm 1 and its optimizers. An iteration is one reconstruction step."""

    batch_size: int = 64
    """Sentences or images a step (m of Algorithm 1)."""
    epochs: int = 10
    """Passes over the training split."""
    longest_sentence: int = 0
    """Train, and evaluate, on sentences of at most this many words; 0 takes all of the corpus. Text
    only. The paper trains the ARAE on short sentences, the plain autoencoder on all (Table 5)."""
    # Deviation: SGD at rate 1 needs several times as long for the same loss.
    autoencoder_optimizer: Literal["adam", "sgd"] = "adam"
    """For encoder and decoder; the paper used ``sgd``."""
    autoencoder_rate: float = 3e-3
    """Learning rate of encoder and decoder."""
    autoencoder_schedule: Literal["constant", "cosine"] = "cosine"
    """``cosine`` falls from the full rate to 2 % of it over all epochs."""
    warmup: int = 200
    """Iterations over which the autoencoder's rate rises from 0."""
    loss_unit: Literal["sentence", "token"] = "sentence"
    """Whether the reconstruction loss is a mean over sentences (the paper) or tokens (its code);
    over images or pixels."""
    softmax_samples: int = 0
    """Words, beside those of the batch, that the training loss's softmax is estimated from; 0
    takes the whole vocabulary. Evaluations always do. Text on a CPU only: a GPU is quicker with
    the whole."""
    clip_norm: float = 5.0
    """Largest gradient norm of an encoder, decoder or generator update; 0 does not clip."""
    initial_bound: float = 0.1
    """Encoder and decoder start from U(-bound, bound). Text only: those of images start from
    Gaussians sized by each layer's inputs."""
    # Deviation: the published code starts without it and learns to remember slowly.
    forget_bias: float = 1.0
    """Added to the bias of both LSTMs' forget gates at the start; the published code's is 0. Text
    only."""
    perceptron_deviation: float = 0.0
    """Generator and critic start from N(0, deviation); 0 sizes each layer by its inputs."""
    code_noise: float = 0.05
    """Standard deviation of the Gaussian noise on codes while reconstructing."""
    code_noise_factor: float = 0.9995
    """The noise is multiplied by this ..."""
    code_noise_every: int = 100
    """... each time so many iterations have passed."""
    word_drop: float = 0.0
    """Share of the encoder's input words replaced by ``<unk>`` (denoising), or of its pixels turned
    to paper; 0 in the paper."""

    critic_steps: int = 3
    """Critic updates per GAN round."""
    generator_steps: int = 1
    """Generator updates per GAN round."""
    encoder_steps: int = 1
    """Separate adversarial encoder updates per GAN round. All but the last follow critic steps."""
    # Deviation: Algorithm 1 updates the encoder twice; one update of the sum is cheaper.
    encoder_update: Literal["joint", "separate"] = "joint"
    """``separate`` is Algorithm 1. ``joint`` adds the critic's gradient to that of the
    reconstruction, in one update of the encoder."""
    gan_rounds_grow_at: tuple[int, ...] = ()
    """Epochs (counted from 1) from which an iteration has one more GAN round."""
    adversarial_weight: float = 5.0
    """lambda(1): weight of the critic's gradient in the encoder."""
    encoder_gradient: Literal["scale", "norm"] = "scale"
    """``norm`` first rescales the critic's gradient at the code to the norm of the
    reconstruction's gradient there."""
    adversarial_warmup: int = 1000
    """Iterations over which lambda(1) rises from 0."""
    adversarial_rate_critic: float = 3e-4
    """Adam rate of the critic."""
    adversarial_rate_generator: float = 3e-4
    """Adam rate of the generator."""
    adversarial_beta1: float = 0.5
    """First moment decay of both Adams."""
    adversarial_beta2: float = 0.9
    """Second moment decay of both Adams."""
    # Deviation: the paper clips weights; a penalty per row holds the slope at 1.
    critic_constraint: Literal["clip", "gradient_penalty", "spectral"] = "gradient_penalty"
    """What keeps the critic Lipschitz: the paper clips weights."""
    clip_bound: float = 0.01
    """Epsilon of weight clipping."""
    penalty_weight: float = 10.0
    """Weight of the gradient penalty."""
    penalty_of_batch_mean: bool = False
    """Penalise the gradient of the mean score, as the published 2018 code did. For comparison."""
    # Deviation: the paper samples from the generator of the last step.
    generator_average: float = 0.999
    """Decay of the running mean of the generator's weights that is used for sampling; 0 is off."""

    seed: int = 0
    """Fixes weights, batches and noise."""
    log_every: int = 100
    """Iterations between log lines."""
    save_every: int = 500
    """Iterations between checkpoints."""
    evaluate_every: int = 0
    """Iterations between evaluations on dev; 0 evaluates after each epoch."""
    evaluation_sentences: int = 2000
    """Dev sentences or images used for the evaluations during training; the last one uses all."""


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    """Networks."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """Training."""


class Sections(Protocol):
    """Settings in two dataclasses, such as :class:`Config`; itself a dataclass."""

    @property
    def model(self) -> Any:
        """Networks."""
        ...

    @property
    def training(self) -> Any:
        """Training."""
        ...


Settings = TypeVar("Settings", bound=Sections)


def with_toml(config: Settings, path: Path) -> Settings:
    """Return the settings with those of a TOML file (tables ``[model]`` and ``[training]``).

    Raises:
        DataError: If the file is not TOML, or names a setting that does not exist or a value of
            another type.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"cannot read these settings ({error})", path=path) from error
    for section, values in tables.items():
        if section not in ("model", "training") or not isinstance(values, dict):
            raise DataError(f"unknown table [{section}]; use [model] and [training]", path=path)
        try:
            for key, value in values.items():
                config = with_value(config, f"{section}.{key}", value)
        except ValueError as error:
            raise DataError(str(error), path=path) from error
    return config


def with_overrides(config: Settings, assignments: Sequence[str]) -> Settings:
    """Return the settings with ``key=value`` strings applied; a key may name its section.

    Raises:
        ValueError: If an assignment has no ``=``, an unknown key or a value of another type.
    """
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator:
            raise ValueError(f"{assignment!r} is not of the form key=value")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        config = with_value(config, key.strip(), value)
    return config


def with_value(config: Settings, key: str, value: Any) -> Settings:
    """Return the settings with one changed; ``key`` is ``name`` or ``section.name``.

    Raises:
        ValueError: If there is no such setting, or the value has another type.
    """
    section, _, name = key.rpartition(".")
    for candidate in ("model", "training"):
        part = getattr(config, candidate)
        hints = typing.get_type_hints(type(part))
        if section in ("", candidate) and name in hints:
            changed = replace(part, **{name: _checked(key, value, hints[name])})
            return cast(Settings, replace(cast(Any, config), **{candidate: changed}))
    known = [f.name for part in (config.model, config.training) for f in dataclasses.fields(part)]
    raise ValueError(f"no setting {key!r}; there are {', '.join(known)}")


def _checked(key: str, value: Any, hint: Any) -> Any:
    """Return ``value`` in the type of a field, or say what was expected."""
    origin = typing.get_origin(hint)
    if origin is Literal:
        if value in typing.get_args(hint):
            return value
        raise ValueError(f"{key} must be one of {', '.join(typing.get_args(hint))}, got {value!r}")
    if origin is tuple:
        if isinstance(value, list | tuple) and all(type(item) is int for item in value):
            return tuple(value)
        raise ValueError(f"{key} must be a list of whole numbers such as [300,300], got {value!r}")
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        if isinstance(value, int | float) and value < 0:
            raise ValueError(f"{key} must not be negative, got {value!r}")
        return value
    expected = {int: "a whole number", float: "a number", bool: "true or false"}
    raise ValueError(f"{key} must be {expected.get(hint, hint)}, got {value!r}")


def to_dict(config: Sections) -> dict[str, dict[str, Any]]:
    """Return the settings as JSON-ready dictionaries."""
    return {
        section: {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in dataclasses.asdict(getattr(config, section)).items()
        }
        for section in ("model", "training")
    }


def from_dict(values: Mapping[str, Mapping[str, Any]]) -> Config:
    """Return the settings that :func:`to_dict` wrote."""
    config = Config()
    for section, part in values.items():
        for key, value in part.items():
            config = with_value(config, f"{section}.{key}", value)
    return config
