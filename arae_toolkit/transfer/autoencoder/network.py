"""The transfer autoencoder: an encoder to a shared code, and decoders by attribute (section 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.models.arae import ENCODERS, EncoderKind
from arae_toolkit.models.model_folder import constructor_arguments
from arae_toolkit.nn import initialization
from arae_toolkit.nn.conditional_decoder import AttributeDecoders, DecoderForm
from arae_toolkit.nn.critic import AttributeClassifier
from arae_toolkit.nn.mlp import Normalization
from arae_toolkit.nn.priors import OutputBound, PriorKind, new_prior

EDIT_STEPS = 8
EDIT_STEP = 0.1
"""Length of one step on the unit sphere at one unit of strength above 1."""


class TransferAutoencoder(nn.Module):
    """Encoder, decoders by attribute, a prior over codes, and the latent attribute classifier.

    Args:
        vocab_size: V.
        attributes: Names of the attribute's values, A of them.
        max_length: Most words in a sentence written.
        encoder: ``lstm``, the paper's, or ``bilstm-max``.
        decoders: See :class:`~arae_toolkit.nn.conditional_decoder.AttributeDecoders`.
        embedding_size: E.
        code_size: Z.
        hidden_size: H.
        noise_size: S.
        generator_sizes: Hidden layers of the generator.
        generator_normalization: See :class:`~arae_toolkit.nn.priors.Generator`.
        generator_output: The same.
        classifier_sizes: Hidden layers of the attribute classifier.
        code_gain: See :class:`~arae_toolkit.nn.lstm_decoder.LSTMDecoder`.
        prior: ``generator``, ``sphere`` or ``fitted``.
        hides: Whether words that mark an attribute are masked for the encoder.

    Attributes:
        chances: How likely each value's words are masked. Shape (A, V); zeros if none are.
    """

    chances: Tensor

    def __init__(
        self,
        vocab_size: int,
        *,
        attributes: Sequence[str],
        max_length: int,
        encoder: EncoderKind = "lstm",
        decoders: DecoderForm = "shared-softmax",
        embedding_size: int = 300,
        code_size: int = 300,
        hidden_size: int = 300,
        noise_size: int = 100,
        generator_sizes: Sequence[int] = (300, 300),
        generator_normalization: Normalization = "layer",
        generator_output: OutputBound = "sphere",
        classifier_sizes: Sequence[int] = (300, 300),
        code_gain: float = 1.0,
        prior: PriorKind = "generator",
        hides: bool = False,
    ) -> None:
        """Make the networks; :meth:`initialize` or a model folder gives them their weights."""
        arguments = constructor_arguments(locals(), "vocab_size")
        super().__init__()
        self.variational = False
        self.vocab_size, self.max_length = vocab_size, max_length
        self.attributes = tuple(attributes)
        self.arguments = arguments
        self.encoder = ENCODERS[encoder](
            vocab_size, embedding_size=embedding_size, code_size=code_size
        )
        self.decoder = AttributeDecoders(
            vocab_size,
            attributes=len(attributes),
            form=decoders,
            embedding_size=embedding_size,
            hidden_size=hidden_size,
            code_size=code_size,
            code_gain=code_gain,
        )
        self.prior = new_prior(
            prior,
            noise_size=noise_size,
            code_size=code_size,
            generator_sizes=generator_sizes,
            generator_normalization=generator_normalization,
            generator_output=generator_output,
        )
        self.classifier = AttributeClassifier(
            code_size=code_size, hidden_sizes=classifier_sizes, attributes=len(attributes)
        )
        self.register_buffer("chances", torch.zeros(len(attributes), vocab_size if hides else 0))

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.decoder.device

    @property
    def uniform_nats_per_token(self) -> float:
        """What a token costs when every word is as likely as any other."""
        return math.log(self.vocab_size)

    def initialize(
        self,
        *,
        generator: torch.Generator,
        bound: float = 0.1,
        forget_bias: float = 0.0,
        perceptron_deviation: float = 0.0,
    ) -> None:
        """Draw starting weights; see :meth:`~arae_toolkit.models.arae.ARAE.initialize`."""
        for network in (self.encoder, *self.decoder.decoders):
            initialization.uniform(
                network, bound=bound, generator=generator, forget_bias=forget_bias
            )
        for perceptron in (self.prior, self.classifier):
            initialization.perceptron(
                perceptron, deviation=perceptron_deviation, generator=generator
            )

    def edited(self, code: Tensor, target: int, *, strength: float) -> Tensor:
        """Return codes moved on the sphere to where the classifier sees more of the target.

        Args:
            code: Shape (B, Z), unit norm.
            target: Attribute value.
            strength: Up to 1 moves nothing; each unit above moves by as much again.

        Returns:
            Shape (B, Z), unit norm.
        """
        length = EDIT_STEP * (strength - 1)
        if length <= 0:
            return code
        labels = torch.full((len(code),), target, device=code.device)
        with torch.enable_grad():
            for _ in range(EDIT_STEPS):
                probe = code.detach().requires_grad_()
                loss = functional.cross_entropy(self.classifier(probe), labels, reduction="sum")
                (gradient,) = torch.autograd.grad(loss, probe)
                step = functional.normalize(gradient, dim=1)
                code = functional.normalize(code - length / EDIT_STEPS * step, dim=1)
        return code.detach()
