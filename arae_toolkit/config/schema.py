"""Settings of a pretraining run, a docstring under each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


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
    tied_embeddings: Literal["none", "decoder", "all"] = "none"
    """``decoder`` scores words by the vectors that the decoder reads, ``all`` lets the encoder read
    the same ones; both want an ``output_map``, or ``embedding_size`` = ``hidden_size``. The paper's
    code has three tables of their own, ``none``. Text without an attribute only."""
    output_map: bool = False
    """Map the decoder's states linearly to E dimensions before they score words, whose table then
    has this size; without, as in the paper, H. Text without an attribute only."""
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
    decoders: Literal["shared-softmax", "separate", "joined"] = "shared-softmax"
    """Of a model with an attribute: a decoder for each of its values, with one softmax for all or
    one each; ``joined`` is a single decoder that is fed the value beside the code."""
    classifier_sizes: tuple[int, ...] = (300, 300)
    """Hidden layers of the latent attribute classifier."""

    @property
    def scoring_size(self) -> int:
        """Columns of the softmax's table of words: E with an output map, H without."""
        return self.embedding_size if self.output_map else self.hidden_size


@dataclass(frozen=True)
class TrainingConfig:
    """The schedule of Algorithm 1 and its optimizers. An iteration is one reconstruction step."""

    batch_size: int = 64
    """Sentences or images a step (m of Algorithm 1)."""
    epochs: int = 10
    """Passes over the training split."""
    iterations: int = 0
    """Iterations of the whole run, whatever ``epochs`` says; 0 trains for ``epochs``."""
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

    attribute_weight: float = 1.0
    """lambda(2): weight of the latent attribute classifier's gradient in the encoder."""
    attribute_warmup: int = 1000
    """Iterations over which lambda(2) rises from 0."""
    attribute_cycles: int = 0
    """Times that both lambdas start again from 0 in the course of training (a cyclic schedule)."""
    classifier_steps: int = 1
    """Updates of the latent attribute classifier an iteration."""
    classifier_rate: float = 1e-3
    """Adam rate of the latent attribute classifier."""
    attribute_drop: float = 0.0
    """Hide words from the encoder, a word the likelier the more it marks the sentence's attribute:
    with 1, one that is r > 2 times as frequent under it as under the others by chance 1 - 1/r."""
    cycle_weight: float = 0.0
    """Weight of writing a sentence back from the greedy transfer of it (back-translation)."""
    cycle_start: float = 0.3
    """Share of the run from which on sentences are written back."""
    cycle_every: int = 2
    """Iterations from one of them to the next."""

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
