"""Settings of a pretraining run: the sizes of the networks and the schedule of Algorithm 1."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from arae_toolkit.config.ranges import (
    Amount,
    Epochs,
    OptionalRows,
    OptionalSize,
    OptionalTimes,
    PartialShare,
    Positive,
    Rows,
    Seed,
    Share,
    Size,
    Sizes,
    SomeSizes,
    Times,
)


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and forms of the networks."""

    encoder: Literal["lstm", "bilstm-max"] = "lstm"
    """``lstm``, the paper's, takes its last state as the code; ``bilstm-max`` the maximum of two
    directions' states, the classifiers' encoder. Text only."""
    embedding_size: Size = 300
    """E is the size of a word vector, in encoder and decoder each. Text only."""
    code_size: Size = 300
    """Z is the size of a code."""
    # Deviation: the paper's encoder has a state of the code's size.
    encoder_size: OptionalSize = 0
    """The encoder's state has this size and is mapped to the code's; 0, the paper's, makes both
    alike. Text without an attribute only."""
    hidden_size: Size = 300
    """H is the size of the decoder's state; for images of the encoder's first layer, which the
    sizes of all others follow: 800 makes 800-400 in the encoder and 400-800-1000 in the decoder."""
    # Deviation: the paper's codes lie on the unit sphere whatever their prior is.
    code_norm: Literal["auto", "sphere", "none"] = "auto"
    """``sphere`` scales codes to norm 1, as the paper does; ``none`` maps the encoder's state
    linearly, without a bound, as a Gaussian prior needs it. ``auto`` is ``none`` for ``vae`` and
    ``wae``, and ``sphere`` for the others."""
    noise_size: Size = 100
    """S is the size of the generator's Gaussian input."""
    # Deviation: the paper feeds the unit-norm code as it is.
    code_gain: Positive = 17.3
    """A code of norm 1 is multiplied by this, about sqrt(Z), where it enters the decoder; the
    paper's is 1. Text only: batch normalization takes it out of an image decoder."""
    tied_embeddings: Literal["none", "decoder", "all"] = "none"
    """``decoder`` scores words by the vectors that the decoder reads, ``all`` lets the encoder read
    the same ones; both want an ``output_map``, or ``embedding_size`` = ``hidden_size``. The paper's
    code has three tables of their own, ``none``. Text without an attribute only."""
    output_map: bool = False
    """Map the decoder's states linearly to E dimensions before they score words, whose table then
    has this size; without, as in the paper, H. Text without an attribute only."""
    generator_sizes: Sizes = (300, 300)
    """The generator has hidden layers of these sizes."""
    # Deviation: batch normalization makes a sample depend on its batch.
    generator_normalization: Literal["none", "batch", "layer"] = "layer"
    """It stands between the generator's layers; the paper's code used ``batch``."""
    # Deviation: the paper bounds it by tanh; the encoder's codes lie on the sphere.
    generator_output: Literal["sphere", "tanh", "none"] = "sphere"
    """It bounds generated codes; the paper's is ``tanh``, its code had none."""
    generator_noise: Amount = 0.0
    """Generated codes get Gaussian noise of this standard deviation, and so do the codes that the
    critic sees: set it to ``code_noise`` where that stays, so that samples are codes as the decoder
    knows them. Without an attribute only."""
    critic_sizes: SomeSizes = (300, 300)
    """The critic has hidden layers of these sizes."""
    critic_normalization: Literal["none", "batch", "layer", "spectral"] = "none"
    """It stands between the critic's layers; the paper's code used ``batch``."""
    decoders: Literal["shared-softmax", "separate", "joined"] = "shared-softmax"
    """A model with an attribute has a decoder for each of its values, with one softmax for all or
    one each; ``joined`` is a single decoder that is fed the value beside the code."""
    classifier_sizes: Sizes = (300, 300)
    """The latent attribute classifier has hidden layers of these sizes."""

    @property
    def state_size(self) -> int:
        """Size of the state of the text encoder, which is Z unless it is set."""
        return self.encoder_size or self.code_size

    @property
    def scoring_size(self) -> int:
        """Columns of the softmax's table of words: E with an output map, H without."""
        return self.embedding_size if self.output_map else self.hidden_size


@dataclass(frozen=True)
class TrainingConfig:
    """The schedule of Algorithm 1 and its optimizers. An iteration is one reconstruction step."""

    batch_size: Rows = 64
    """A step takes so many sentences or images (m of Algorithm 1)."""
    epochs: Times = 10
    """Training passes so often over the training split."""
    iterations: OptionalTimes = 0
    """The run has so many iterations, whatever ``epochs`` says; 0 trains for ``epochs``."""
    longest_sentence: OptionalRows = 0
    """Train, and evaluate, on sentences of at most this many words; 0 takes all of the corpus. Text
    only. The paper trains the ARAE on short sentences, the plain autoencoder on all (Table 5)."""
    # Deviation: SGD at rate 1 needs several times as long for the same loss.
    autoencoder_optimizer: Literal["adam", "sgd"] = "adam"
    """It updates encoder and decoder; the paper used ``sgd``."""
    autoencoder_rate: Amount = 3e-3
    """Encoder and decoder learn at this rate."""
    autoencoder_schedule: Literal["constant", "cosine"] = "cosine"
    """``cosine`` falls from the full rate to 2 % of it over all epochs."""
    warmup: OptionalTimes = 200
    """The autoencoder's rate rises from 0 over so many iterations."""
    loss_unit: Literal["sentence", "token"] = "sentence"
    """The reconstruction loss is a mean over sentences (the paper) or tokens (its code); over
    images or pixels."""
    softmax_samples: OptionalRows = 0
    """The training loss's softmax is estimated from so many words beside those of the batch; 0
    takes the whole vocabulary. Evaluations always do. Text on a CPU only: a GPU is quicker with
    the whole."""
    clip_norm: Amount = 5.0
    """No update of encoder, decoder or generator has a larger gradient norm; 0 does not clip."""
    initial_bound: Amount = 0.1
    """Encoder and decoder start from U(-bound, bound). Text only: those of images start from
    Gaussians sized by each layer's inputs."""
    # Deviation: the published code starts without it and learns to remember slowly.
    forget_bias: Amount = 1.0
    """It is added to the bias of both LSTMs' forget gates at the start; the published code's is 0.
    Text only."""
    perceptron_deviation: Amount = 0.0
    """Generator and critic start from N(0, deviation); 0 sizes each layer by its inputs."""
    code_noise: Amount = 0.05
    """Codes get Gaussian noise of this standard deviation while reconstructing."""
    code_noise_factor: Share = 0.9995
    """The noise is multiplied by this factor every ``code_noise_every`` iterations."""
    code_noise_every: Times = 100
    """The noise falls each time that so many iterations have passed."""
    word_drop: Share = 0.0
    """This share of the encoder's input words is replaced by ``<unk>`` (denoising), or of its
    pixels turned to paper, in every update; it is 0 in the paper."""

    decoder_word_drop: Share = 0.0
    """This share of the words that the decoder is fed is replaced by ``<unk>``, so that it needs
    the code (Bowman et al., 2016). Text only."""
    kl_weight: Amount = 1.0
    """The divergence of a ``vae``'s posterior from its prior has this weight; 1 makes the bound on
    the likelihood."""
    kl_warmup: OptionalTimes = 5000
    """``kl_weight`` rises from 0 over so many iterations."""
    free_bits: Amount = 0.0
    """So many nats of divergence in each coordinate of a ``vae``'s code cost nothing."""
    mmd_weight: Amount = 10.0
    """The maximum mean discrepancy of a ``wae``'s codes and its prior has this weight."""

    flow_weight: Amount = 0.0
    """A flow learns the noisy codes beside the autoencoder, and what a code costs it, in nats, has
    this weight in the encoder's loss: 1 makes a bound on the likelihood, 0 is off. Codes on the
    sphere only, without an attribute."""
    flow_warmup: OptionalTimes = 2000
    """``flow_weight`` rises from 0 over so many iterations."""
    flow_width: Size = 384
    """That flow's network has so many units between its blocks."""
    flow_blocks: Size = 3
    """That flow's network has so many blocks."""
    flow_rate: Amount = 1e-3
    """That flow's Adam learns at this rate."""

    critic_steps: OptionalTimes = 3
    """A GAN round has so many updates of the critic."""
    generator_steps: OptionalTimes = 1
    """A GAN round has so many updates of the generator."""
    encoder_steps: OptionalTimes = 1
    """A GAN round has so many separate adversarial updates of the encoder. All but the last follow
    critic steps."""
    # Deviation: Algorithm 1 updates the encoder twice; one update of the sum is cheaper.
    encoder_update: Literal["joint", "separate"] = "joint"
    """``separate`` is Algorithm 1, both updates by the autoencoder's optimizer. ``joint`` adds the
    critic's gradient to that of the reconstruction, in one update of the encoder."""
    gan_rounds_grow_at: Epochs = ()
    """From each of these epochs (counted from 1) on, an iteration has one more GAN round."""
    adversarial_weight: Amount = 5.0
    """lambda(1) is the weight of the critic's gradient in the encoder."""
    encoder_gradient: Literal["scale", "norm"] = "scale"
    """``norm`` first rescales the critic's gradient at the code to the norm of the
    reconstruction's gradient there."""
    adversarial_warmup: OptionalTimes = 1000
    """lambda(1) rises from 0 over so many iterations."""
    adversarial_rate_critic: Amount = 3e-4
    """The critic's Adam learns at this rate."""
    adversarial_rate_generator: Amount = 3e-4
    """The generator's Adam learns at this rate."""
    adversarial_beta1: PartialShare = 0.5
    """The first moments of both Adams decay by this factor."""
    adversarial_beta2: PartialShare = 0.9
    """The second moments of both Adams decay by this factor."""
    # Deviation: the paper clips weights; a penalty per row holds the slope at 1.
    critic_constraint: Literal["clip", "gradient_penalty", "spectral"] = "gradient_penalty"
    """It keeps the critic Lipschitz; the paper clips weights."""
    adversarial_loss: Literal["wasserstein", "cross-entropy"] = "wasserstein"
    """``wasserstein`` is the paper's; ``cross-entropy`` the loss of the first GANs, with the
    generator's that does not saturate (the paper's footnote 1 found it less stable)."""
    clip_bound: Positive = 0.01
    """Weight clipping bounds the critic's weights by this epsilon."""
    penalty_weight: Amount = 10.0
    """The gradient penalty has this weight in the critic's loss."""
    penalty_of_batch_mean: bool = False
    """Penalise the gradient of the mean score, as the published 2018 code did. For comparison."""
    # Deviation: the paper samples from the generator of the last step.
    generator_average: PartialShare = 0.999
    """Samples use a running mean of the generator's weights that decays by this; 0 is off."""

    attribute_weight: Amount = 1.0
    """lambda(2) is the weight of the latent attribute classifier's gradient in the encoder."""
    attribute_warmup: OptionalTimes = 1000
    """lambda(2) rises from 0 over so many iterations."""
    attribute_cycles: OptionalTimes = 0
    """Both lambdas start again from 0 so often in the course of training (a cyclic schedule)."""
    classifier_steps: OptionalTimes = 1
    """An iteration has so many updates of the latent attribute classifier."""
    classifier_rate: Amount = 1e-3
    """The latent attribute classifier's Adam learns at this rate."""
    attribute_drop: Share = 0.0
    """Hide words from the encoder, a word the likelier the more it marks the sentence's attribute:
    with 1, one that is r > 2 times as frequent under it as under the others by chance 1 - 1/r."""
    cycle_weight: Amount = 0.0
    """Writing a sentence back from its greedy transfer (back-translation) has this weight."""
    cycle_start: Share = 0.3
    """Sentences are written back once this share of the run has passed."""
    cycle_every: Times = 2
    """Sentences are written back in one of so many iterations."""

    seed: Seed = 0
    """It fixes weights, batches and noise."""
    log_every: Times = 100
    """The log has a line every so many iterations."""
    save_every: Times = 500
    """A checkpoint is written every so many iterations."""
    evaluate_every: OptionalTimes = 0
    """The run is evaluated on dev every so many iterations; 0 evaluates after each epoch."""
    select: Literal["last", "nats", "reverse-perplexity"] = "last"
    """Which weights the folder holds: the last ones; those of the evaluation that gave dev back at
    the fewest ``nats``; or those whose samples made the best language model of dev (the paper's
    criterion, of sentences only). The last ones then lie in its folder ``last``. Without an
    attribute only."""
    selection_samples: Rows = 20_000
    """Reverse perplexity on dev is measured with so many samples."""
    evaluation_sentences: Rows = 2000
    """Evaluations during training use so many dev sentences or images; the last one uses all."""


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    """The networks' sizes and forms are set here."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """The schedule and its optimizers are set here."""


def check_tying(model: ModelConfig) -> None:
    """Refuse settings whose tables cannot be one.

    Raises:
        ValueError: If what reads words and what scores them have vectors of different sizes.
    """
    if model.tied_embeddings != "none" and model.embedding_size != model.scoring_size:
        raise ValueError(
            f"tied_embeddings={model.tied_embeddings} needs embedding_size "
            f"({model.embedding_size}) and hidden_size ({model.scoring_size}) to be the same; set "
            "both alike, or output_map=true between them, or tied_embeddings=none"
        )


def check_separate(config: Config) -> None:
    """Refuse settings that several decoders, each with a table of its own, cannot have.

    Raises:
        ValueError: If a table is to be shared, a map is to stand before one, codes are to lie off
            the sphere, or a part is wanted that only models without an attribute have.
    """
    if config.model.code_norm == "none":
        raise ValueError("code_norm=none: the codes of a transfer model lie on the sphere")
    for name, separate in (("tied_embeddings", "none"), ("output_map", False)):
        if getattr(config.model, name) != separate:
            raise ValueError(
                f"{name}: the decoders of a transfer model have a table of word vectors each"
            )
    plain = {
        "encoder_size": config.model.encoder_size,
        "generator_noise": config.model.generator_noise,
        "flow_weight": config.training.flow_weight,
        "select": config.training.select != "last",
    }
    if asked := [name for name, value in plain.items() if value]:
        raise ValueError(f"{asked[0]}: for models without an attribute; see --no-attribute")
